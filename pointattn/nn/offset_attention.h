// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/shared_mlp.h"

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
/// with bias, batch norm, ReLU).
class OffsetAttentionImpl : public torch::nn::Cloneable<OffsetAttentionImpl> {
 public:
  explicit OffsetAttentionImpl(int64_t channels, AttentionKind kind = AttentionKind::kOffset);
  void reset() override;
  at::Tensor forward(const at::Tensor& feat, const at::Tensor& offsets);

  torch::nn::Linear qk{nullptr};
  torch::nn::Linear value{nullptr};
  SharedMlp transform{nullptr};

 private:
  int64_t channels_;
  AttentionKind kind_;
};
TORCH_MODULE(OffsetAttention);

}  // namespace pointattn::nn
