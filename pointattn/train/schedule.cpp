// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/schedule.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::train {

double schedule_factor(const ScheduleOptions& options, double epoch, double epochs) {
  if (epoch < options.warmup_epochs) return epoch / options.warmup_epochs;
  if (options.kind == "constant") return 1.0;
  if (options.kind == "step") {
    return std::pow(options.step_factor,
                    std::floor(epoch / static_cast<double>(options.step_epochs)));
  }
  TORCH_CHECK_VALUE(options.kind == "cosine",
                    "schedule: expected cosine, step or constant, got '",
                    options.kind,
                    "'");
  const double length = std::max(epochs - options.warmup_epochs, 1e-9);
  const double progress = std::clamp((epoch - options.warmup_epochs) / length, 0.0, 1.0);
  const double wave = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return options.final_fraction + (1.0 - options.final_fraction) * wave;
}

}  // namespace pointattn::train
