// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"

/// MLPs of two layers over the neighbours of each centre and the maximum over them, as in PCT's
/// neighbour embedding and DGCNN's EdgeConv. The first layer's product is linear and done once a
/// point by the caller, so its value for centre i and neighbour j is near_j + centre_i.
namespace pointattn::nn {

struct Pairs {
  at::Tensor near;    ///< [N,C]
  at::Tensor centre;  ///< [M,C]
  at::Tensor index;   ///< int64 [M,K], K ≥ 1, rows of near
};

/// out_i = max_k act(BN₂(W₂ act(BN₁(near_{index(i,k)} + centre_i)))) → [M,C_out], with the norms over
/// all pairs in training; `second` has no bias. float32 and float64.
///
/// On the CPU in training (pair_mlp_step.h) memory beyond inputs and results is O(M·C_out + N·C) and a
/// few tiles a thread. Gradients to near, centre, the norms and W₂; that of equal maxima goes to the
/// first of them; a second derivative throws c10::NotImplementedError. Otherwise, and while
/// products are reduced, the same by operators that store the pairs. Throws c10::ValueError: wrong
/// shapes, an index out of range, a bias in `second`.
at::Tensor pair_mlp_max(const Pairs& pairs, RowNorm& first, SharedMlp& second);

/// The same in evaluation without a gradient: the scale and shift of the first norm are in near and
/// centre, `activation` is what follows it. Stores no pairs on the CPU. Throws as pair_mlp_max().
at::Tensor folded_pair_mlp_max(const Pairs& pairs, Activation activation, SharedMlp& second);

}  // namespace pointattn::nn
