// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/ragged_inputs.h"

#include "pointattn/core/check.h"

#include <algorithm>

namespace pointattn::ops {
namespace {

void check_dtype(const char* operation, const char* name, const at::Tensor& tensor) {
  TORCH_CHECK_VALUE(tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble,
                    operation,
                    ": expected ",
                    name,
                    " of dtype float or double, got ",
                    tensor.dtype().name());
}

void check_alike(const char* operation,
                 const char* name,
                 const at::Tensor& tensor,
                 const at::Tensor& other) {
  TORCH_CHECK_VALUE(
      tensor.scalar_type() == other.scalar_type() && tensor.device() == other.device(),
      operation,
      ": expected ",
      name,
      " of dtype ",
      other.dtype().name(),
      " on ",
      other.device(),
      ", got ",
      tensor.dtype().name(),
      " on ",
      tensor.device());
}

}  // namespace

std::vector<int64_t> check_ragged_softmax(const at::Tensor& logits, const at::Tensor& offsets) {
  ShapeCheck check("ragged_softmax");
  check(logits, "logits", {"N", "R"});
  check_dtype("ragged_softmax", "logits", logits);
  return checked_offsets("ragged_softmax", offsets, "offsets", logits.size(0));
}

std::vector<int64_t> check_ragged_pool(const at::Tensor& weight,
                                       const at::Tensor& values,
                                       const at::Tensor& offsets) {
  ShapeCheck check("ragged_pool");
  check(weight, "weight", {"N", "R"});
  check(values, "values", {"N", "C"});
  check_dtype("ragged_pool", "weight", weight);
  check_alike("ragged_pool", "values", values, weight);
  return checked_offsets("ragged_pool", offsets, "offsets", weight.size(0));
}

std::vector<int64_t> check_ragged_expand(const at::Tensor& rows,
                                         const at::Tensor& matrices,
                                         const at::Tensor& offsets) {
  ShapeCheck check("ragged_expand");
  check(rows, "rows", {"N", "K"});
  check(matrices, "matrices", {"B", "K", "D"});
  check_dtype("ragged_expand", "rows", rows);
  check_alike("ragged_expand", "matrices", matrices, rows);
  std::vector<int64_t> starts = checked_offsets("ragged_expand", offsets, "offsets", rows.size(0));
  TORCH_CHECK_VALUE(static_cast<int64_t>(starts.size()) == matrices.size(0) + 1,
                    "ragged_expand: expected a matrix for each of ",
                    starts.size() - 1,
                    " clouds, got ",
                    matrices.size(0));
  return starts;
}

std::vector<Stretch> stretches_of(const std::vector<int64_t>& starts) {
  std::vector<Stretch> stretches;
  for (size_t b = 0; b + 1 < starts.size(); ++b) {
    for (int64_t begin = starts[b]; begin < starts[b + 1]; begin += kStretch) {
      stretches.push_back(
          {static_cast<int64_t>(b), begin, std::min(begin + kStretch, starts[b + 1])});
    }
  }
  return stretches;
}

}  // namespace pointattn::ops
