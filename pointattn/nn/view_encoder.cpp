// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/view_encoder.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/render_views.h"

#include <ATen/ATen.h>

#include <iterator>

namespace pointattn::nn {
namespace {

constexpr int64_t kWidths[] = {1, 16, 32, 64, 128};
constexpr int64_t kReduction = 16;  // of the picture's edge, by the four stages

/// Nearness of what is seen, 1.5 … 0.5 inside the unit sphere; nothing stays 0.
at::Tensor nearness(const at::Tensor& depth) {
  return at::where(depth > 0, ops::kViewDistance - 0.5 * depth, at::zeros({}, depth.options()));
}

}  // namespace

ConvDownImpl::ConvDownImpl(int64_t in, int64_t out) : in_(in), out_(out) { reset(); }

void ConvDownImpl::reset() {
  const auto options = torch::nn::Conv2dOptions(in_, out_, 3).stride(2).padding(1).bias(false);
  conv = register_module("conv", torch::nn::Conv2d(options));
  norm = register_module("norm", RowNorm(out_));
  frozen_weight_ = at::Tensor();
}

void ConvDownImpl::train(bool on) {
  Module::train(on);
  frozen_weight_ = at::Tensor();
}

void ConvDownImpl::freeze(Precision /*precision*/) {
  const at::NoGradGuard no_grad;
  const auto [scale, shift] = fixed_norm(*norm);
  frozen_weight_ = conv->weight * scale.view({-1, 1, 1, 1});
  frozen_bias_ = shift;
}

at::Tensor ConvDownImpl::forward(const at::Tensor& images) {
  if (frozen_weight_.defined() && !at::GradMode::is_enabled())
    return at::conv2d(images, frozen_weight_, frozen_bias_, 2, 1).relu_();
  // Pixels are rows: channels last, so that this is a view.
  const at::Tensor rows =
      conv(images.contiguous(at::MemoryFormat::ChannelsLast)).permute({0, 2, 3, 1});
  return norm(rows.reshape({-1, out_})).view(rows.sizes()).permute({0, 3, 1, 2});
}

ViewEncoderImpl::ViewEncoderImpl(int64_t channels, int64_t size)
    : channels_(channels), size_(size) {
  TORCH_CHECK_VALUE(channels > 0 && size > 0 && size % kReduction == 0,
                    "ViewEncoder: expected channels above 0 and a size that is a multiple of ",
                    kReduction,
                    ", got ",
                    channels,
                    " and ",
                    size);
  reset();
}

void ViewEncoderImpl::reset() {
  stages.clear();
  for (size_t i = 0; i + 1 < std::size(kWidths); ++i) {
    stages.push_back(
        register_module("stage" + std::to_string(i), ConvDown(kWidths[i], kWidths[i + 1])));
  }
  const int64_t edge = size_ / kReduction;
  fuse = register_module("fuse", SharedMlp(std::end(kWidths)[-1] * edge * edge, channels_));
}

at::Tensor ViewEncoderImpl::forward(const at::Tensor& depth) {
  ShapeCheck check("ViewEncoder");
  check(depth, "depth", {"B", "V", size_, size_});
  TORCH_CHECK_VALUE(check["V"] > 0, "ViewEncoder: expected at least one view, got none");
  at::Tensor x = nearness(depth).view({-1, 1, size_, size_});
  for (ConvDown& stage : stages) x = stage(x);  // [B V,128,S/16,S/16]
  return fuse(x.reshape({check["B"], check["V"], -1}).amax(1));
}

}  // namespace pointattn::nn
