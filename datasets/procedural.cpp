// SPDX-License-Identifier: Apache-2.0
#include "datasets/procedural.h"

#include "datasets/procedural/kinds.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

namespace pointattn::datasets {
namespace {

constexpr int64_t kPerCategory = 100;
constexpr int64_t kMaxPoints = 10'000'000;

/// Label map of some of the kinds.
LabelMap labels_of(const std::vector<int64_t>& kinds) {
  LabelMap labels;
  int64_t next = 0;
  for (const int64_t kind : kinds) {
    const ShapeKind& source = shape_kinds()[static_cast<size_t>(kind)];
    Category category{source.name, next, {}};
    for (const std::string& part : source.parts) category.add(part);
    next += static_cast<int64_t>(source.parts.size());
    labels.categories.push_back(std::move(category));
  }
  return labels;
}

/// Centre on the mean, largest distance one: as the HDF5 releases are.
void to_unit_sphere(std::vector<SurfacePoint>& points) {
  Vec3 mean;
  for (const SurfacePoint& p : points) mean = mean + p.position;
  mean = mean * (1.0 / static_cast<double>(points.size()));
  double radius = 0;
  for (SurfacePoint& p : points) {
    p.position = p.position - mean;
    radius = std::max(radius, length(p.position));
  }
  for (SurfacePoint& p : points) p.position = p.position * (radius > 0 ? 1.0 / radius : 1.0);
}

class ProceduralDataset : public train::Dataset {
 public:
  ProceduralDataset(ProceduralOptions options, std::vector<int64_t> kinds)
      : options_(std::move(options)), kinds_(std::move(kinds)), labels_(labels_of(kinds_)) {
    if (options_.shapes == 0) options_.shapes = kPerCategory * labels_.num_categories();
  }
  int64_t size() const override { return options_.shapes; }
  int64_t category(int64_t index) const override {
    TORCH_CHECK_INDEX(index >= 0 && index < size(),
                      "procedural: expected a shape below ",
                      size(),
                      ", got ",
                      index);
    return index % labels_.num_categories();
  }
  const LabelMap& labels() const override { return labels_; }
  bool has_parts() const override { return true; }

  train::Sample get(int64_t index) const override {
    const int64_t id = category(index);
    const Category& of = labels_.categories[static_cast<size_t>(id)];
    const uint64_t number =
        options_.first + static_cast<uint64_t>(index / labels_.num_categories());
    ProceduralShape shape = make_shape(
        kinds_[static_cast<size_t>(id)], number, options_.seed, options_.points, options_.noise);
    shape.part += of.first_part;
    return {shape.xyz, shape.normal, shape.part, id, of.name + " " + std::to_string(number)};
  }

 private:
  ProceduralOptions options_;
  std::vector<int64_t> kinds_;
  LabelMap labels_;
};

}  // namespace

LabelMap procedural_labels() {
  std::vector<int64_t> all(shape_kinds().size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  return labels_of(all);
}

ProceduralShape make_shape(
    int64_t category, uint64_t index, uint64_t seed, int64_t points, double noise) {
  const auto kinds = static_cast<int64_t>(shape_kinds().size());
  TORCH_CHECK_VALUE(category >= 0 && category < kinds,
                    "procedural: expected a category below ",
                    kinds,
                    ", got ",
                    category);
  TORCH_CHECK_VALUE(points >= 1 && points <= kMaxPoints,
                    "procedural: expected 1 to ",
                    kMaxPoints,
                    " points, got ",
                    points);
  TORCH_CHECK_VALUE(noise >= 0 && noise < 1, "procedural: expected noise in [0,1), got ", noise);
  const ShapeKind& kind = shape_kinds()[static_cast<size_t>(category)];
  Random random(mixed(mixed(seed, hash_of(kind.name)), index));
  ShapeBuilder builder;
  builder.called(kind.name);
  kind.build(builder, random);
  std::vector<SurfacePoint> surface = builder.sample(points, random);
  to_unit_sphere(surface);
  if (noise > 0) {
    for (SurfacePoint& p : surface) {
      p.position = p.position + Vec3{random.normal(), random.normal(), random.normal()} * noise;
    }
    to_unit_sphere(surface);
  }
  ProceduralShape shape{at::empty({points, 3}, at::kFloat),
                        at::empty({points, 3}, at::kFloat),
                        at::empty({points}, at::kLong),
                        builder.facts()};
  auto* xyz = shape.xyz.mutable_data_ptr<float>();
  auto* normal = shape.normal.mutable_data_ptr<float>();
  auto* part = shape.part.mutable_data_ptr<int64_t>();
  for (const SurfacePoint& p : surface) {
    for (const double v : {p.position.x, p.position.y, p.position.z})
      *xyz++ = static_cast<float>(v);
    for (const double v : {p.normal.x, p.normal.y, p.normal.z}) *normal++ = static_cast<float>(v);
    *part++ = p.part;
  }
  return shape;
}

train::DatasetPtr procedural_dataset(const ProceduralOptions& options) {
  TORCH_CHECK_VALUE(
      options.shapes >= 0, "procedural: expected a number of shapes, got ", options.shapes);
  TORCH_CHECK_VALUE(
      options.points >= 1, "procedural: expected at least one point a shape, got ", options.points);
  const LabelMap all = procedural_labels();
  std::vector<int64_t> kinds;
  for (const std::string& name : options.categories) {
    const int64_t kind = all.category_id(name);
    TORCH_CHECK_VALUE(std::find(kinds.begin(), kinds.end(), kind) == kinds.end(),
                      "procedural: category '",
                      name,
                      "' is named twice");
    kinds.push_back(kind);
  }
  if (kinds.empty()) {
    for (int64_t kind = 0; kind < all.num_categories(); ++kind) kinds.push_back(kind);
  }
  return std::make_shared<ProceduralDataset>(options, std::move(kinds));
}

}  // namespace pointattn::datasets
