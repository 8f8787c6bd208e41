// SPDX-License-Identifier: Apache-2.0
#include "apps/label_mapping.h"

#include "pointattn/core/closest.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

namespace pointattn::apps {
namespace {

int64_t part_id(const Category& category, const std::string& name) {
  std::string known;
  for (size_t p = 0; p < category.parts.size(); ++p) {
    if (lower(category.parts[p].name) == lower(name))
      return category.first_part + static_cast<int64_t>(p);
    known += (p ? ", " : "") + category.parts[p].name;
  }
  TORCH_CHECK_VALUE(false,
                    "the data has a part '",
                    name,
                    "' of ",
                    category.name,
                    ", the model knows only ",
                    known);
}

}  // namespace

at::Tensor LabelMapping::parts(const at::Tensor& ids) const {
  const auto known = static_cast<int64_t>(part.size());
  TORCH_CHECK_VALUE(
      ids.numel() == 0 || (ids.min().item<int64_t>() >= 0 && ids.max().item<int64_t>() < known),
      "expected part ids below ",
      known,
      ", got ",
      ids.min().item<int64_t>(),
      " to ",
      ids.max().item<int64_t>());
  return at::tensor(part, at::kLong).index_select(0, ids);
}

LabelMapping map_labels(const LabelMap& data, const LabelMap& model, bool with_parts) {
  LabelMapping mapping;
  for (const Category& category : data.categories) {
    mapping.category.push_back(model.category_id(category.name));
    if (!with_parts) continue;
    const Category& known = model.categories[static_cast<size_t>(mapping.category.back())];
    for (const Part& part : category.parts) mapping.part.push_back(part_id(known, part.name));
  }
  return mapping;
}

}  // namespace pointattn::apps
