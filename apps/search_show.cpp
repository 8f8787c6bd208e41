// SPDX-License-Identifier: Apache-2.0
#include "apps/search_show.h"

#include "apps/part_cloud.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace pointattn::apps {
namespace {

constexpr size_t kMostPanels = 3;

io::Cloud cloud_of(const retrieval::GalleryEntry& entry, retrieval::PartTable& table) {
  if (!entry.sketch.defined()) {
    return part_cloud(at::zeros({0, 3}), at::zeros({0}, at::kLong), entry.part_names, table);
  }
  const std::vector<int64_t> parts(entry.sketch_parts.begin(), entry.sketch_parts.end());
  return part_cloud(entry.sketch, at::tensor(parts, at::kLong), entry.part_names, table);
}

void add_met(io::Cloud& cloud,
             const retrieval::ExplainedHit& hit,
             const at::Tensor& attention,
             retrieval::PartTable& table) {
  const retrieval::Met met =
      retrieval::met_parts(attention, hit.correspondence, table.places(hit.entry.part_names));
  const at::Tensor label = cloud.find("label")->values.to(at::kLong);
  cloud.set("met", met.weight.index_select(0, label).to(at::kFloat));
}

std::string title_of(size_t rank, const FoundShape& found) {
  char score[32];
  std::snprintf(score, sizeof score, "  %.4f", found.score);
  return std::to_string(rank + 1) + ". " +
         std::filesystem::path(found.entry.name).filename().string() + score;
}

}  // namespace

retrieval::Explanation explain(const Query& query, const std::vector<FoundShape>& found) {
  retrieval::Explanation explanation = query.explanation;
  for (const FoundShape& shape : found) {
    explanation.hits.push_back(
        {shape.score,
         shape.entry,
         matching::correspondence(query.options.score, query.phrases, shape.entry.parts)});
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
    view::Scene one = view::make_scene(cloud, title, kUp);
    if (cloud.points() == 0) scene.notes.push_back(title + ": the gallery has no sketch of it");
    scene.panels.push_back(std::move(one.panels.front()));
  };
  if (query.explanation.shape) {
    add(cloud_of(*query.explanation.shape, table), "query: " + query.explanation.shape->name);
  }
  const retrieval::Explanation explanation = explain(
      query,
      {found.begin(), found.begin() + static_cast<int64_t>(std::min(found.size(), kMostPanels))});
  for (size_t i = 0; i < explanation.hits.size() && scene.panels.size() < kMostPanels; ++i) {
    const retrieval::ExplainedHit& hit = explanation.hits[i];
    io::Cloud cloud = cloud_of(hit.entry, table);
    add_met(cloud, hit, explanation.attention, table);
    drawn |= cloud.points() > 0;
    add(cloud, title_of(i, found[i]));
  }
  TORCH_CHECK(drawn,
              found.empty() ? "nothing was found that could be drawn"
                            : "the gallery has no sketches to draw; `pointattn embed` keeps them "
                              "unless --sketch-points is 0");
  return scene;
}

}  // namespace pointattn::apps
