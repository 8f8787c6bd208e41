// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace pointattn::train {

struct ScheduleOptions {
  std::string kind = "cosine";   ///< "cosine" (Loshchilov and Hutter 2017), "step" or "constant"
  double warmup_epochs = 0;      ///< linear rise from zero
  double final_fraction = 0.01;  ///< cosine: the last rate over the first
  int64_t step_epochs = 40;      ///< step: epochs between two falls
  double step_factor = 0.5;      ///< step: factor of each fall
};

/// Factor on the base learning rate at `epoch` (a fraction counts the steps inside an epoch) of
/// `epochs`. Throws c10::ValueError for another kind.
double schedule_factor(const ScheduleOptions& options, double epoch, double epochs);

}  // namespace pointattn::train
