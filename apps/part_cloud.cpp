// SPDX-License-Identifier: Apache-2.0
#include "apps/part_cloud.h"

#include "apps/segment_output.h"

#include <ATen/ATen.h>

namespace pointattn::apps {
namespace {

Category category_of(const retrieval::PartTable& table) {
  Category category{"parts", 0, {}};
  for (size_t place = 0; place < table.names().size(); ++place)
    category.parts.push_back({table.names()[place], table.color(static_cast<int64_t>(place))});
  return category;
}

}  // namespace

io::Cloud part_cloud(const at::Tensor& xyz,
                     const at::Tensor& part,
                     const std::vector<std::string>& part_names,
                     retrieval::PartTable& table) {
  io::Cloud cloud;
  const char* names[] = {"x", "y", "z"};
  for (int64_t axis = 0; axis < 3; ++axis) cloud.set(names[axis], xyz.select(1, axis).contiguous());
  const at::Tensor places = at::tensor(table.places(part_names), at::kLong);
  add_part_labels(cloud, places.index_select(0, part), category_of(table));
  return cloud;
}

io::Cloud attention_cloud(const retrieval::ShapeEmbedding& shape) {
  retrieval::PartTable table;
  io::Cloud cloud = part_cloud(shape.points, shape.part, shape.part_names, table);
  const at::Tensor label = cloud.find("label")->values.to(at::kLong);
  add_part_colors(cloud, label, category_of(table), /*for_pcd=*/false);
  for (int64_t r = 0; r < shape.attention.size(1); ++r)
    cloud.set("attention_" + std::to_string(r + 1), shape.attention.select(1, r).contiguous());
  return cloud;
}

}  // namespace pointattn::apps
