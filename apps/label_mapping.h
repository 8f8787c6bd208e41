// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::apps {

/// The ids of a model for the ids of a data set.
struct LabelMapping {
  std::vector<int64_t> category;  ///< model's category by the data's category id
  std::vector<int64_t> part;      ///< model's part by the data's part id; empty for classification

  /// Part ids of the data as part ids of the model, int64 [N]. Throws c10::ValueError for an id
  /// outside the data's label map.
  at::Tensor parts(const at::Tensor& ids) const;
};

/// Matches categories by name and the parts of a category by name too, so the order and the other
/// categories of the two may differ. Throws c10::ValueError for a category or part that the model
/// does not know.
LabelMapping map_labels(const LabelMap& data, const LabelMap& model, bool with_parts);

}  // namespace pointattn::apps
