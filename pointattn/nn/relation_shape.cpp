// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/relation_shape.h"

#include "pointattn/core/check.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/gather.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>

#include <utility>

namespace pointattn::nn {
namespace {

constexpr int64_t kRelations = 10;  // distance, centre, neighbour, difference
constexpr int64_t kRaised = 16;     // channels that a first layer makes of x_j − x_i

at::Tensor project(const torch::nn::Linear& layer, const at::Tensor& rows) {
  return nn::project(rows, layer->weight, layer->bias);
}

/// A Linear with the norm behind it as one product.
FrozenLinear fold(const torch::nn::Linear& layer,
                  const FixedNorm& norm,
                  Activation activation,
                  Precision precision) {
  return {layer->weight * norm.scale.unsqueeze(1),
          layer->bias * norm.scale + norm.shift,
          activation,
          precision};
}

}  // namespace

struct RelationShapeImpl::Pairs {
  at::Tensor offset;    // x_j − x_i
  at::Tensor relation;  // h_ij

  Pairs(const PointBatch& batch, const Sampled& centres, const BallGroups& groups) {
    const at::Tensor own = ops::gather(centres.batch.xyz, groups.centre);
    const at::Tensor near = ops::gather(batch.xyz, groups.neighbor);
    offset = near - own;
    relation = at::cat({offset.norm(2, 1, /*keepdim=*/true), own, near, offset}, 1);
  }
};

RelationShapeImpl::RelationShapeImpl(int64_t in, int64_t out, std::vector<BallScale> scales)
    : in_(in), out_(out), scales_(std::move(scales)) {
  TORCH_CHECK_VALUE(in >= 0 && out >= 4 && !scales_.empty(),
                    "RelationShape: expected in ≥ 0, out ≥ 4 and a scale, got ",
                    in,
                    ", ",
                    out,
                    " and ",
                    scales_.size(),
                    " scales");
  reset();
}

void RelationShapeImpl::reset() {
  const int64_t hidden = is_first() ? out_ / 2 : out_ / 4;
  const int64_t weighted = is_first() ? kRaised : in_ + 3;
  mapping1 = register_module("mapping1", torch::nn::Linear(kRelations, hidden));
  mapping2 = register_module("mapping2", torch::nn::Linear(hidden, weighted));
  if (is_first()) raise_xyz = register_module("raise_xyz", torch::nn::Linear(3, kRaised));
  raise = register_module("raise", torch::nn::Linear(weighted, out_));
  kaiming_start(*this);
  norms.clear();
  for (size_t s = 0; s < scales_.size(); ++s) {
    const std::string number = std::to_string(s);
    norms.push_back({register_module("mapping_norm" + number, RowNorm(hidden)),
                     register_module("product_norm" + number, RowNorm(weighted, Activation::kNone)),
                     register_module("raise_xyz_norm" + number, RowNorm(kRaised)),
                     register_module("raise_norm" + number, RowNorm(out_))});
  }
  frozen_.clear();
}

void RelationShapeImpl::train(bool on) {
  Module::train(on);
  frozen_.clear();
}

void RelationShapeImpl::freeze(Precision precision) {
  const at::NoGradGuard no_grad;
  frozen_.clear();
  for (const Norms& norm : norms) {
    FixedNorm product = fixed_norm(*norm.product);
    const at::Tensor shift = std::exchange(product.shift, at::zeros_like(product.shift));
    Frozen& scale = frozen_.emplace_back();
    scale.mapping1 = fold(mapping1, fixed_norm(*norm.mapping), Activation::kReLU, precision);
    scale.mapping2 = fold(mapping2, product, Activation::kNone, precision);
    if (is_first()) {
      scale.raise_xyz = fold(raise_xyz, fixed_norm(*norm.raise_xyz), Activation::kReLU, precision);
    }
    scale.raise = fold(raise, fixed_norm(*norm.raise), Activation::kReLU, precision);
    scale.shift = shift;
  }
}

at::Tensor RelationShapeImpl::convolve(Norms& norm,
                                       const BallGroups& groups,
                                       const Pairs& pairs,
                                       const at::Tensor& feat) {
  const at::Tensor weights =
      project(mapping2, norm.mapping(project(mapping1, pairs.relation)));  // [P,C]
  const at::Tensor values = is_first()
                                ? norm.raise_xyz(project(raise_xyz, pairs.offset))
                                : at::cat({pairs.offset, ops::gather(feat, groups.neighbor)}, 1);
  const at::Tensor best = max_over(groups, norm.product(weights * values)).relu();  // [M,C]
  return norm.raise(project(raise, best));
}

at::Tensor RelationShapeImpl::infer(const Frozen& frozen,
                                    const BallGroups& groups,
                                    const Pairs& pairs,
                                    const at::Tensor& feat) {
  at::Tensor weighted = frozen.mapping2(frozen.mapping1(pairs.relation));  // [P,C]
  if (is_first()) {
    weighted.mul_(frozen.raise_xyz(pairs.offset));
  } else {
    weighted.narrow(1, 0, 3).mul_(pairs.offset);
    weighted.narrow(1, 3, in_).mul_(ops::gather(feat, groups.neighbor));
  }
  return frozen.raise(max_over(groups, weighted).add_(frozen.shift).relu_());
}

at::Tensor RelationShapeImpl::forward(const PointBatch& batch,
                                      const at::Tensor& feat,
                                      const Sampled& centres) {
  ShapeCheck check("RelationShape");
  check(batch.xyz, "xyz", {"N", 3});
  TORCH_CHECK_VALUE(feat.defined() != is_first(),
                    "RelationShape: expected ",
                    is_first() ? "no features in a first layer, got some" : "features, got none");
  if (feat.defined()) check(feat, "feat", {"N", in_});
  const std::vector<BallGroups> groups = ball_groups(batch, centres, scales_);
  const bool fast = !frozen_.empty() && !at::GradMode::is_enabled();
  std::vector<at::Tensor> outputs;
  for (size_t s = 0; s < groups.size(); ++s) {
    const Pairs pairs(batch, centres, groups[s]);
    outputs.push_back(fast ? infer(frozen_[s], groups[s], pairs, feat)
                           : convolve(norms[s], groups[s], pairs, feat));
  }
  return outputs.size() == 1 ? outputs[0] : at::cat(outputs, 1);  // [M,C_out · scales]
}

void kaiming_start(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& child) {
    auto* linear = child.as<torch::nn::Linear>();
    if (!linear) return;
    const at::NoGradGuard no_grad;
    torch::nn::init::kaiming_normal_(linear->weight, 0.0, torch::kFanIn, torch::kReLU);
    if (linear->bias.defined()) linear->bias.zero_();
  });
}

}  // namespace pointattn::nn
