// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/gated_fusion.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/pooling.h"
#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::nn {

GatedFusionImpl::GatedFusionImpl(int64_t channels, int64_t context)
    : channels_(channels), context_(context) {
  TORCH_CHECK_VALUE(channels > 0 && context > 0,
                    "GatedFusion: expected channels and context above 0, got ",
                    channels,
                    " and ",
                    context);
  reset();
}

void GatedFusionImpl::reset() {
  mask = register_module("mask", SharedMlp(channels_ + context_, channels_));
  gate = register_module("gate", torch::nn::Linear(channels_, channels_));
  frozen_feat_ = {};
}

void GatedFusionImpl::train(bool on) {
  Module::train(on);
  frozen_feat_ = {};
}

void GatedFusionImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = fixed_norm(*mask->norm);
  const at::Tensor weight = mask->linear->weight * scale.unsqueeze(1);
  frozen_feat_ = FrozenLinear(weight.narrow(1, 0, channels_), {}, Activation::kNone, precision);
  frozen_global_ =
      FrozenLinear(weight.narrow(1, channels_, context_), shift, Activation::kNone, precision);
  frozen_gate_ = FrozenLinear(gate->weight, gate->bias, Activation::kNone, precision);
}

at::Tensor GatedFusionImpl::forward(const at::Tensor& feat,
                                    const at::Tensor& global,
                                    const at::Tensor& offsets) {
  const std::vector<int64_t> rows =
      checked_offsets("GatedFusion", offsets, "offsets", feat.size(0));
  ShapeCheck check("GatedFusion");
  check(feat, "feat", {"N", channels_});
  check(global, "global", {static_cast<int64_t>(rows.size()) - 1, context_});
  if (frozen_feat_ && !at::GradMode::is_enabled()) {
    at::Tensor hidden = frozen_feat_(feat);
    const at::Tensor shared = frozen_global_(global);
    for (size_t b = 0; b + 1 < rows.size(); ++b)
      hidden.narrow(0, rows[b], rows[b + 1] - rows[b]).add_(shared[static_cast<int64_t>(b)]);
    return frozen_gate_(hidden.relu_()).sigmoid_().add_(1).mul_(feat);
  }
  const at::Tensor weight = mask->linear->weight;
  const at::Tensor own = project(feat, weight.narrow(1, 0, channels_));
  const at::Tensor shared = at::linear(global, weight.narrow(1, channels_, context_));
  const at::Tensor hidden = mask->norm(own + repeat_per_point(shared, offsets));  // [N,C]
  return feat * (1 + at::sigmoid(project(hidden, gate->weight, gate->bias)));
}

}  // namespace pointattn::nn
