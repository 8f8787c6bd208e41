// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/shared_mlp.h"

#include <array>
#include <vector>

namespace pointattn::nn {

/// What a feature propagation joins for each point, in this order; any of the three may be absent.
struct PropagatedFeatures {
  at::Tensor coarse;  ///< [n,C] of the points of a coarser level, interpolated
  at::Tensor skip;    ///< [N,C] of the points themselves
  at::Tensor cloud;   ///< [B,C] of the whole clouds, repeated for every point
};

/// Feature propagation of PointNet++ (Qi et al., NeurIPS 2017, §3.4): MLP([interp(f), skip, cloud])
/// with inverse squared distances over the three nearest points (ops::interpolate) and an MLP of
/// Linear, BN, ReLU. The first Linear of a sum of parts is the sum of its parts, and interpolation is
/// linear too: it runs once a coarse point, once a point and once a cloud, before anything is spread
/// out. Submodules "0", "1", ….
class FeaturePropagationImpl : public torch::nn::Cloneable<FeaturePropagationImpl>,
                               public Freezable {
 public:
  /// Channels of the three inputs; 0 for one that is absent.
  struct Inputs {
    int64_t coarse = 0, skip = 0, cloud = 0;
  };

  FeaturePropagationImpl(Inputs in, std::vector<int64_t> widths, bool bias);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;

  /// Features for the points of `to` [N,widths.back()]. Gradients to the features, none to the
  /// coordinates. `from` is the coarser level; without coarse features it is not looked at. Throws
  /// c10::ValueError: shapes that do not fit.
  at::Tensor forward(const PointBatch& to, const PointBatch& from, const PropagatedFeatures& feat);

 private:
  void check_inputs(const PointBatch& to,
                    const PointBatch& from,
                    const PropagatedFeatures& feat) const;
  at::Tensor apply(size_t part, const at::Tensor& rows);
  at::Tensor first_product(const PointBatch& to,
                           const PointBatch& from,
                           const PropagatedFeatures& feat);

  std::array<int64_t, 3> in_;
  std::vector<int64_t> widths_;
  bool bias_;
  std::vector<SharedMlp> layers_;
  std::array<FrozenLinear, 3> frozen_;
};
TORCH_MODULE(FeaturePropagation);

}  // namespace pointattn::nn
