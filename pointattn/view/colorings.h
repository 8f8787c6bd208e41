// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/scene.h"

namespace pointattn::view {

/// Colours of ids [N] int64, one entry an id that occurs, by id. Ids that `parts` does not know are
/// called "label 7" and take the palette's colour of that number. More than 1024 ids give a ramp.
Coloring color_by_id(const std::string& name,
                     const std::string& title,
                     const at::Tensor& ids,
                     const std::map<int64_t, Part>& parts);

/// Ramp over numbers [N] of any type, from the lowest to the highest finite one.
Coloring color_by_number(const std::string& name, const at::Tensor& numbers);
/// Ramp over a given range.
Coloring color_by_number(const std::string& name, const at::Tensor& numbers, Ramp ramp);

/// Red where `wrong` [N] bool is true.
Coloring color_wrong(const at::Tensor& wrong);

}  // namespace pointattn::view
