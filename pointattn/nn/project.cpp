// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/project.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
namespace {

thread_local bool reduced_products = false;

// Smaller products cost less than the conversions.
constexpr int64_t kRows = 64;
constexpr int64_t kInputs = 32;

}  // namespace

at::Tensor project(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  if (!reduced_products || rows.size(0) < kRows || rows.size(1) < kInputs ||
      rows.scalar_type() != at::kFloat) {
    return at::linear(rows, weight, bias);
  }
  const at::Tensor product =
      at::linear(rows.to(at::kBFloat16), weight.to(at::kBFloat16)).to(at::kFloat);
  return bias.defined() ? product + bias : product;
}

ReducedProducts::ReducedProducts(bool on) : before_(reduced_products) { reduced_products = on; }
ReducedProducts::~ReducedProducts() { reduced_products = before_; }

}  // namespace pointattn::nn
