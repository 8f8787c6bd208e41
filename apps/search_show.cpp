// SPDX-License-Identifier: Apache-2.0
#include "apps/search_show.h"

#include "apps/cli.h"
#include "apps/part_cloud.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace pointattn::apps {
namespace {

/// Whether the gallery's entry was made from this shape, as far as the precision of a gallery tells.
bool is_of(const retrieval::GalleryEntry& entry, const retrieval::ShapeEmbedding& shape) {
  constexpr double kSameDirection = 0.999;
  constexpr double kSamePlace = 1e-3;
  const at::Tensor& parts = entry.parts;
  if (parts.sizes() != shape.parts.sizes() ||
      (parts * shape.parts).sum(1).min().item<double>() < kSameDirection)
    return false;
  if (!entry.sketch.defined()) return true;
  retrieval::GalleryEntry again;
  retrieval::add_sketch(again, shape, entry.sketch.size(0));
  return again.sketch.sizes() == entry.sketch.sizes() &&
         at::allclose(again.sketch, entry.sketch, /*rtol=*/0, kSamePlace);
}

at::Tensor part_of(const retrieval::GalleryEntry& entry) {
  return at::tensor(std::vector<int64_t>(entry.sketch_parts.begin(), entry.sketch_parts.end()),
                    at::kLong);
}

io::Cloud cloud_of(const retrieval::GalleryEntry& entry, retrieval::PartTable& table) {
  const at::Tensor xyz = entry.sketch.defined() ? entry.sketch : at::zeros({0, 3});
  return part_cloud(xyz, part_of(entry), entry.part_names, table);
}

/// [n,R] with columns that sum to 1 (or are zero): a sketch's points share their part evenly.
at::Tensor attention_of(const FoundShape& found) {
  if (found.attention.defined()) return found.attention;
  const at::Tensor member =
      at::one_hot(part_of(found.entry), found.entry.parts.size(0)).to(at::kFloat);
  return member / member.sum(0).clamp_min(1);
}

void add_fields(io::Cloud& cloud,
                const FoundShape& found,
                const retrieval::ExplainedHit& hit,
                const at::Tensor& attention,
                retrieval::PartTable& table) {
  const retrieval::Met met =
      retrieval::met_parts(attention, hit.correspondence, table.places(hit.entry.part_names));
  const at::Tensor label = cloud.find("label")->values.to(at::kLong);
  cloud.set("met", met.weight.index_select(0, label).to(at::kFloat));
  const at::Tensor weight = hit.correspondence.mean(0).to(at::kFloat);
  cloud.set("attention", attention_of(found).mv(weight) * cloud.points());
}

std::string title_of(size_t rank, const FoundShape& found) {
  char score[32];
  std::snprintf(score, sizeof score, "  %.4f", found.score);
  return std::to_string(rank + 1) + ". " +
         std::filesystem::path(found.entry.name).filename().string() + score;
}

}  // namespace

FoundShape read_again(double score,
                      retrieval::GalleryEntry entry,
                      const retrieval::Encoder& encoder,
                      const ShapeInput& input,
                      uint64_t seed) {
  FoundShape found{score, std::move(entry), {}, {}};
  try {
    const retrieval::ShapeEmbedding shape =
        encoder.shape(read_shape(found.entry.name, input, seed).xyz);
    TORCH_CHECK(is_of(found.entry, shape),
                found.entry.name,
                ": not the shape that the gallery holds (changed since, or embedded with another "
                "--up, --mesh-points or --seed)");
    const retrieval::ShapeEmbedding all = retrieval::spread(shape);
    retrieval::add_sketch(found.entry, all, all.points.size(0));
    found.attention = all.attention;
  } catch (const std::exception& error) {
    found.note = message_of(error) + (found.entry.sketch.defined()
                                          ? "; drawn from the gallery's sketch"
                                          : "; the gallery has no sketch of it either");
  }
  return found;
}

retrieval::Explanation explain(const Query& query, const std::vector<FoundShape>& found) {
  retrieval::Explanation explanation = query.explanation;
  for (const FoundShape& shape : found) {
    explanation.hits.push_back(
        {shape.score,
         shape.entry,
         retrieval::correspondence(query.options, query.phrases, shape.entry.parts),
         shape.note});
  }
  return explanation;
}

view::Scene scene_of(const Query& query, const std::vector<FoundShape>& found) {
  constexpr int kUp = 1;  // of what the network sees
  view::Scene scene;
  scene.up = kUp;
  retrieval::PartTable table;
  bool drawn = false;
  const auto add = [&](const io::Cloud& cloud, const std::string& title) {
    scene.panels.push_back(std::move(view::make_scene(cloud, title, kUp).panels.front()));
  };
  if (query.explanation.shape) {
    add(cloud_of(*query.explanation.shape, table), "query: " + query.explanation.shape->name);
  }
  const retrieval::Explanation explanation = explain(query, found);
  for (size_t i = 0; i < found.size() && scene.panels.size() < kMostPanels; ++i) {
    const retrieval::ExplainedHit& hit = explanation.hits[i];
    io::Cloud cloud = cloud_of(hit.entry, table);
    add_fields(cloud, found[i], hit, explanation.attention, table);
    drawn |= cloud.points() > 0;
    add(cloud, title_of(i, found[i]));
  }
  TORCH_CHECK(drawn, "nothing was found that could be drawn");
  return scene;
}

}  // namespace pointattn::apps
