// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/losses.h"

#include "pointattn/core/point_batch.h"

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

at::Tensor part_loss(const at::Tensor& scores,
                     const at::Tensor& part,
                     const at::Tensor& offsets,
                     const at::Tensor& category,
                     const at::Tensor& shown,
                     const LabelMap& labels,
                     double smoothing,
                     double overlap) {
  const std::vector<int64_t> counts = counts_of(offsets);
  const std::vector<at::Tensor> clouds = scores.split_with_sizes(counts);
  const std::vector<at::Tensor> truths = part.split_with_sizes(counts);
  std::vector<at::Tensor> losses;
  for (size_t b = 0; b < clouds.size(); ++b) {
    const auto row = static_cast<int64_t>(b);
    const Category& own = labels.categories[static_cast<size_t>(category[row].item<int64_t>())];
    const auto width = static_cast<int64_t>(own.parts.size());
    const bool known = shown[row].item<int64_t>() >= 0;
    // Where the category is known only its parts compete; a local id is the global one less
    // first_part.
    const at::Tensor all =
        at::log_softmax(known ? clouds[b].narrow(1, own.first_part, width) : clouds[b], 1);
    const at::Tensor log_p = known ? all : all.narrow(1, own.first_part, width);  // [n,width]
    const at::Tensor truth =
        at::one_hot(truths[b] - own.first_part, width).to(scores.scalar_type());
    const at::Tensor target = truth * (1.0 - smoothing) + smoothing / static_cast<double>(width);
    at::Tensor loss = -(target * log_p).sum(1).mean();
    if (overlap > 0) {
      const at::Tensor p = log_p.exp();
      const at::Tensor shared = (p * truth).sum(0);
      const at::Tensor present = truth.sum(0);
      const at::Tensor iou = shared / (p.sum(0) + present - shared + 1.0);
      const at::Tensor has = present.gt(0).to(scores.scalar_type());
      loss = loss + overlap * (1.0 - (iou * has).sum() / has.sum());
    }
    losses.push_back(loss);
  }
  return at::stack(losses).mean();
}

}  // namespace pointattn::train
