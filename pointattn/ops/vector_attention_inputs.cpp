// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/vector_attention_inputs.h"

#include "pointattn/core/check.h"

#include <ATen/ATen.h>

namespace pointattn::ops {
namespace {

constexpr const char* kName = "vector_attention";

void check_alike(const at::Tensor& tensor, const char* name, const at::Tensor& query) {
  TORCH_CHECK_VALUE(
      tensor.scalar_type() == query.scalar_type() && tensor.device() == query.device(),
      kName,
      ": expected ",
      name,
      " of ",
      query.scalar_type(),
      " on ",
      query.device(),
      " as query, got ",
      tensor.scalar_type(),
      " on ",
      tensor.device());
}

void check_index(const at::Tensor& index, const at::Tensor& query) {
  TORCH_CHECK_VALUE(index.scalar_type() == at::kLong && index.device() == query.device(),
                    kName,
                    ": expected int64 index on ",
                    query.device(),
                    " as query, got ",
                    index.scalar_type(),
                    " on ",
                    index.device());
  if (index.numel() == 0) return;
  const auto [low, high] = at::aminmax(index);
  const auto lowest = low.item<int64_t>(), highest = high.item<int64_t>();
  TORCH_CHECK_VALUE(lowest >= -1 && highest < query.size(0),
                    kName,
                    ": expected an index of -1 … ",
                    query.size(0) - 1,
                    ", got ",
                    lowest < -1 ? lowest : highest);
}

VectorAttentionWeights check_weights(ShapeCheck& check,
                                     at::TensorList weights,
                                     const at::Tensor& query) {
  TORCH_CHECK_VALUE(weights.size() == 10, kName, ": expected 10 weights, got ", weights.size());
  const VectorAttentionWeights w{weights[0],
                                 weights[1],
                                 weights[2],
                                 weights[3],
                                 weights[4],
                                 weights[5],
                                 weights[6],
                                 weights[7],
                                 weights[8],
                                 weights[9]};
  check(w.position_weight, "position_weight", {3, 3});
  check(w.position_bias, "position_bias", {3});
  check(w.offset_weight, "offset_weight", {"C", 3});
  check(w.offset_bias, "offset_bias", {"C"});
  check(w.scale, "scale", {"C"});
  check(w.shift, "shift", {"C"});
  check(w.hidden_weight, "hidden_weight", {"G", "C"});
  check(w.hidden_bias, "hidden_bias", {"G"});
  check(w.logit_weight, "logit_weight", {"G", "G"});
  check(w.logit_bias, "logit_bias", {"G"});
  for (const at::Tensor& weight : weights) check_alike(weight, "weights", query);
  TORCH_CHECK_VALUE(check["G"] > 0 && check["C"] % check["G"] == 0,
                    kName,
                    ": expected G weights that divide C=",
                    check["C"],
                    " channels, got G=",
                    check["G"]);
  return w;
}

}  // namespace

VectorAttentionWeights check_vector_attention(const at::Tensor& xyz,
                                              const at::Tensor& query,
                                              const at::Tensor& key,
                                              const at::Tensor& value,
                                              const at::Tensor& index,
                                              at::TensorList weights) {
  ShapeCheck check(kName);
  check(query, "query", {"N", "C"});
  check(key, "key", {"N", "C"});
  check(value, "value", {"N", "C"});
  check(xyz, "xyz", {"N", 3});
  check(index, "index", {"N", "K"});
  TORCH_CHECK_VALUE(query.scalar_type() == at::kFloat || query.scalar_type() == at::kDouble,
                    kName,
                    ": expected query of float32 or float64, got ",
                    query.scalar_type());
  check_alike(key, "key", query);
  check_alike(value, "value", query);
  check_alike(xyz, "xyz", query);
  check_index(index, query);
  return check_weights(check, weights, query);
}

at::Tensor with_dense_rows(const at::Tensor& rows) {
  return rows.stride(1) == 1 ? rows : rows.contiguous();
}

}  // namespace pointattn::ops
