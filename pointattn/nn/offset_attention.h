// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"

#include <utility>

namespace pointattn::nn {

/// Which of PCT's two attention layers (Guo et al. 2021, §3.2 and §3.3).
enum class AttentionKind {
  kSelf,    ///< softmax(QKᵀ/√D) V, then x + LBR(out): the naive variant (NPCT)
  kOffset,  ///< doubly normalised map, then x + LBR(x − out): SPCT and PCT
};

/// One attention layer of PCT over the points of each cloud: feat [N,C], offsets [B+1] → [N,C].
///
/// Queries and keys share one projection C → C/4 without bias, values C → C with bias, as in the
/// released code (the paper draws two projections). The offset form computes ops::offset_attention,
/// the plain one ops::attention: no N×N matrix is stored by either. Submodules: "qk", "value", "transform" (Linear C → C
/// with bias, batch norm, ReLU). Frozen, both projections are one product; frozen in bfloat16, attention on the CPU takes
/// that too.
class OffsetAttentionImpl : public torch::nn::Cloneable<OffsetAttentionImpl>, public Freezable {
 public:
  explicit OffsetAttentionImpl(int64_t channels, AttentionKind kind = AttentionKind::kOffset);
  void reset() override;
  void train(bool on = true) override;
  void freeze(Precision precision) override;
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& offsets);

  torch::nn::Linear qk{nullptr};
  torch::nn::Linear value{nullptr};
  SharedMlp transform{nullptr};

 private:
  /// Queries, which are keys too, [N,C/4] and values [N,C].
  std::pair<at::Tensor, at::Tensor> project_points(const at::Tensor& feat) const;

  int64_t channels_;
  AttentionKind kind_;
  FrozenLinear frozen_points_;  // "qk" and "value" side by side
  bool narrow_ = false;
};
TORCH_MODULE(OffsetAttention);

}  // namespace pointattn::nn
