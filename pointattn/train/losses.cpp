// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/losses.h"

#include <ATen/ATen.h>

namespace pointattn::train {

at::Tensor smoothed_cross_entropy(const at::Tensor& scores,
                                  const at::Tensor& truth,
                                  double smoothing) {
  TORCH_CHECK_VALUE(
      smoothing >= 0 && smoothing < 1, "expected label smoothing in 0 … 1, got ", smoothing);
  return at::cross_entropy_loss(
      scores, truth, {}, at::Reduction::Mean, /*ignore_index=*/-1, smoothing);
}

}  // namespace pointattn::train
