// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/pair_mlp.h"

#include <utility>

/// The training step of pair_mlp_max() on the CPU, which stores no pairs.
namespace pointattn::nn {

/// Mean and biased variance of a norm's input, [C] each.
using Statistics = std::pair<at::Tensor, at::Tensor>;

struct PairMlpStep {
  at::Tensor out;            ///< [M,C_out]
  Statistics first, second;  ///< of the batch; no gradient
};

/// `slope1`, `slope2`: what the activations behind the norms multiply negative values by.
///
/// The backward pass computes the hidden layer h again and never has the gradient of z = h W₂ᵀ as
/// pairs: behind the norm it is dz = S − α − β z, where S has one entry a centre and channel, at the
/// maximum. So dh = S W₂ − W₂ᵀα − h (W₂ᵀ diag(β) W₂) and dW₂ = Sᵀh − α (Σh)ᵀ − diag(β) W₂ (hᵀh): two products of
/// the size of the forward one, and sparse ones.
PairMlpStep pair_mlp_step(const Pairs& pairs,
                          const RowNormImpl& first,
                          double slope1,
                          const at::Tensor& weight,
                          const RowNormImpl& second,
                          double slope2);

}  // namespace pointattn::nn
