// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/losses.h"

#include "pointattn/core/check.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <tuple>

namespace pointattn::matching {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct LimitedScale : torch::autograd::Function<LimitedScale> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& log_scale) {
    at::AutoDispatchBelowADInplaceOrView below;
    const at::Tensor scale = log_scale.exp().clamp_max(kMaxScale);
    context->save_for_backward({log_scale, scale});
    return scale;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor grad = grads[0] * saved[1];
    // A step goes against the gradient: a negative one would raise the scale further.
    const at::Tensor outward = saved[0].ge(std::log(kMaxScale)).logical_and(grad.lt(0));
    return {grad.masked_fill(outward, 0)};
  }
};

/// Pairs that are no negatives: the marked ones and the diagonal. [B,B]
at::Tensor no_negatives(const char* operation, const at::Tensor& scores, const at::Tensor& same) {
  ShapeCheck check(operation);
  check(scores, "scores", {"B", "B"});
  TORCH_CHECK_VALUE(scores.is_floating_point() && scores.size(0) > 0,
                    operation,
                    ": expected floating scores [B,B] with B > 0, got ",
                    scores.scalar_type(),
                    " ",
                    scores.sizes());
  const at::Tensor diagonal = at::eye(scores.size(0), scores.options().dtype(at::kBool));
  if (!same.defined()) return diagonal;
  check(same, "same", {"B", "B"});
  TORCH_CHECK_VALUE(same.scalar_type() == at::kBool && same.device() == scores.device(),
                    operation,
                    ": expected bool `same` on ",
                    scores.device(),
                    ", got ",
                    same.scalar_type(),
                    " on ",
                    same.device());
  return diagonal.logical_or(same);
}

void check_log_scale(const char* operation, const at::Tensor& scores, const at::Tensor& log_scale) {
  TORCH_CHECK_VALUE(log_scale.numel() == 1 && log_scale.scalar_type() == scores.scalar_type(),
                    operation,
                    ": expected one log_scale of dtype ",
                    scores.scalar_type(),
                    ", got ",
                    log_scale.scalar_type(),
                    " ",
                    log_scale.sizes());
}

/// [B] loss of each row.
at::Tensor row_triplets(const at::Tensor& scores, double margin, const at::Tensor& excluded) {
  const at::Tensor truth = scores.diagonal();
  const at::Tensor values = scores.detach();
  const at::Tensor limit = truth.detach().unsqueeze(1);
  const at::Tensor semi_hard = values.lt(limit).logical_and(values.gt(limit - margin));
  const at::Tensor negatives = values.masked_fill(excluded, -kInfinity);
  const auto [best, inside] = negatives.masked_fill(semi_hard.logical_not(), -kInfinity).max(1);
  const auto [most, hardest] = negatives.max(1);
  const at::Tensor chosen = at::where(best.eq(-kInfinity), hardest, inside);
  const at::Tensor negative = scores.gather(1, chosen.unsqueeze(1)).squeeze(1);
  return (negative - truth + margin).clamp_min(0).masked_fill(most.eq(-kInfinity), 0);
}

}  // namespace

at::Tensor info_nce(const at::Tensor& scores, const at::Tensor& log_scale, const at::Tensor& same) {
  const at::Tensor excluded = no_negatives("info_nce", scores, same);
  check_log_scale("info_nce", scores, log_scale);
  const at::Tensor diagonal = at::eye(scores.size(0), excluded.options());
  const at::Tensor logits = (scores * LimitedScale::apply(log_scale.reshape({})))
                                .masked_fill(excluded.logical_xor(diagonal), -kInfinity);
  const at::Tensor rows = logits.log_softmax(1).diagonal().mean();
  const at::Tensor columns = logits.log_softmax(0).diagonal().mean();
  return -(rows + columns) / 2;
}

at::Tensor distillation(const at::Tensor& scores,
                        const at::Tensor& teacher,
                        const at::Tensor& log_scale) {
  (void)no_negatives("distillation", scores, {});
  ShapeCheck check("distillation");
  check(scores, "scores", {"B", "B"});
  check(teacher, "teacher", {"B", "B"});
  check_log_scale("distillation", scores, log_scale);
  check_log_scale("distillation", teacher, log_scale);
  const at::Tensor scale = LimitedScale::apply(log_scale.reshape({}));
  const at::Tensor own = scores * scale, truth = (teacher * scale).detach();
  const auto divergence = [&](int64_t dim) {
    const at::Tensor target = truth.log_softmax(dim);
    return (target.exp() * (target - own.log_softmax(dim))).sum(dim).mean();
  };
  return (divergence(1) + divergence(0)) / 2;
}

at::Tensor semi_hard_triplet(const at::Tensor& scores, double margin, const at::Tensor& same) {
  const at::Tensor excluded = no_negatives("semi_hard_triplet", scores, same);
  TORCH_CHECK_VALUE(margin > 0 && std::isfinite(margin),
                    "semi_hard_triplet: expected a positive margin, got ",
                    margin);
  const at::Tensor rows = row_triplets(scores, margin, excluded);
  const at::Tensor columns = row_triplets(scores.transpose(0, 1), margin, excluded.transpose(0, 1));
  return at::cat({rows, columns}).mean();
}

}  // namespace pointattn::matching
