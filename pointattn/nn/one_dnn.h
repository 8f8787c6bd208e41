// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/nn/frozen_linear.h"

#include <ATen/core/Tensor.h>

/// LibTorch's oneDNN operators, as its compiler calls them. They are called boxed because the types
/// behind their schemas differ between versions.
namespace pointattn::nn::one_dnn {

/// False in builds of LibTorch without oneDNN: then nothing below may be called.
bool available();

/// activation(rows · weightᵀ + bias) on the CPU: rows [N,K], weight [M,K] as it is or from pack(),
/// bias [M] or undefined, all float32 or all bfloat16, N ≥ 1 → [N,M]. No gradient.
at::Tensor linear(const at::Tensor& rows,
                  const at::Tensor& weight,
                  const at::Tensor& bias,
                  Activation activation = Activation::kNone);

/// leftᵀ · right on the CPU: left [N,M], right [N,K], float32, N ≥ 1 → [M,K]. No gradient.
at::Tensor transposed_product(const at::Tensor& left, const at::Tensor& right);

/// The weight in the layout that the machine's products want, for many calls.
at::Tensor pack(const at::Tensor& weight);

/// True where linear() is faster than at::linear() in float32: LibTorch's MKL takes its slow path on
/// processors of other makers than Intel, half the speed of oneDNN's.
bool faster_than_mkl();

}  // namespace pointattn::nn::one_dnn
