// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"
#include "pointattn/nn/shared_mlp.h"

#include <string>
#include <vector>

namespace pointattn::nn {

/// The pairwise functions f of non-local blocks.
enum class NonLocalKind {
  kGaussian,          ///< softmax over j of x_i · x_j
  kEmbeddedGaussian,  ///< softmax over j of θ(x_i) · φ(x_j)
  kDotProduct,        ///< θ(x_i) · φ(x_j) / N
  kConcatenation,     ///< ReLU(w · [θ(x_i), φ(x_j)]) / N
};

/// "gaussian", "embedded_gaussian", "dot_product", "concatenation".
const std::vector<std::string>& non_local_kinds();
/// The kind of that name; anything else throws c10::ValueError with the names.
NonLocalKind non_local_kind(const std::string& name);

struct NonLocalOptions {
  NonLocalKind kind = NonLocalKind::kEmbeddedGaussian;
  int64_t keys = 0;  ///< most points of a cloud that serve as j, farthest points; 0: all
};

/// Non-local block (Wang et al., "Non-local neural networks", CVPR 2018) over the points of each
/// cloud:
///   z_i = x_i + BN(W_z y_i),   y_i = Σ_j f(x_i, x_j) g(x_j)
/// with θ, φ, g: C → C/2 and N the number of keys of the cloud. The scale of BN starts at zero, so a
/// fresh block is the identity. Every kind is exact without an N×N matrix: the softmax ones by
/// ops::attention, the dot product as θ (φᵀ g) in O(N·C²), the concatenation by sorting in
/// O(N log N + N·C), since w · [θ_i, φ_j] = a_i + b_j and the sum over b_j > −a_i is a_i and 1 times
/// suffix sums of g and b·g. Fewer keys are chosen by the coordinates, never by the order in memory:
/// farthest points, from the first by (x, y, z) on.
/// Submodules: "g", "out" (W_z and BN), and as the kind needs "theta", "phi", "pair" (w).
class NonLocalImpl : public torch::nn::Cloneable<NonLocalImpl> {
 public:
  NonLocalImpl(int64_t channels, const NonLocalOptions& options);
  void reset() override;
  /// feat [N,C] of the points of `points` → [N,C]. Throws c10::ValueError: shapes that do not fit.
  at::Tensor forward(const at::Tensor& feat, const PointBatch& points);

  torch::nn::Linear theta{nullptr}, phi{nullptr}, g{nullptr}, pair{nullptr};
  SharedMlp out{nullptr};

 private:
  at::Tensor gather_all(const at::Tensor& feat,
                        const at::Tensor& key,
                        const at::Tensor& offsets,
                        const at::Tensor& key_offsets);

  int64_t channels_;
  NonLocalOptions options_;
};
TORCH_MODULE(NonLocal);

}  // namespace pointattn::nn
