// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::nn {

/// What the products of a frozen network multiply in: float32 (results within 1e-5 of the unfrozen
/// network), or bfloat16 with sums in float32 (two to three digits; several times faster with AMX,
/// with AVX512-BF16 alone perhaps slower: docs/performance.md).
enum class Precision { kFloat32, kBFloat16 };

enum class Activation { kNone, kReLU, kLeakyReLU };
inline constexpr double kLeakySlope = 0.2;  // as in PCT

/// A layer that keeps a second form of its weights for inference. Networks are frozen as a whole by
/// models::freeze(); a call of train() thaws a layer, so a frozen form never outlives a change that
/// training makes. Whoever writes into parameters by other ways freezes again.
class Freezable {
 public:
  Freezable() = default;
  Freezable(const Freezable&) = default;
  Freezable& operator=(const Freezable&) = default;
  virtual ~Freezable() = default;

  /// Builds the inference form from the current parameters; forward() uses it where no gradient is
  /// recorded.
  virtual void freeze(Precision precision) = 0;
};

/// y = activation(x Wᵀ + b) with constant weights, packed once for oneDNN, whose products take bias
/// and activation along (on AMD it also has the wider vectors that LibTorch's own product lacks).
/// float32 on the CPU; elsewhere the same by LibTorch's product, on CUDA with bias and ReLU in its
/// epilogue.
class FrozenLinear {
 public:
  FrozenLinear() = default;
  /// weight [C_out,C_in], bias [C_out] or undefined.
  FrozenLinear(const at::Tensor& weight,
               const at::Tensor& bias,
               Activation activation,
               Precision precision);

  /// [M,C_in] → [M,C_out], a new tensor.
  at::Tensor operator()(const at::Tensor& rows) const;

  explicit operator bool() const { return weight_.defined(); }

 private:
  at::Tensor weight_, packed_, bias_, packed_bias_;
  Activation activation_ = Activation::kNone;
};

}  // namespace pointattn::nn
