// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/gather_inputs.h"

#include "pointattn/core/check.h"

namespace pointattn::ops {
namespace {

constexpr const char* kName = "gather";

void check_kinds(const at::Tensor& feat, const at::Tensor& index) {
  TORCH_CHECK_VALUE(at::isFloatingType(feat.scalar_type()),
                    kName,
                    ": expected feat of a floating dtype, got ",
                    feat.scalar_type());
  TORCH_CHECK_VALUE(index.scalar_type() == at::kLong && index.device() == feat.device(),
                    kName,
                    ": expected int64 index on ",
                    feat.device(),
                    " as feat, got ",
                    index.scalar_type(),
                    " on ",
                    index.device());
}

void check_weight(ShapeCheck& check, const at::Tensor& feat, const at::Tensor& weight) {
  check(weight, "weight", {"M", "K"});
  TORCH_CHECK_VALUE(weight.scalar_type() == feat.scalar_type() && weight.device() == feat.device(),
                    kName,
                    ": expected weight of ",
                    feat.scalar_type(),
                    " on ",
                    feat.device(),
                    " as feat, got ",
                    weight.scalar_type(),
                    " on ",
                    weight.device());
}

}  // namespace

void check_gather(const at::Tensor& feat, const at::Tensor& index) {
  ShapeCheck check(kName);
  check(feat, "feat", {"N", "C"});
  TORCH_CHECK_VALUE(index.dim() == 1 || index.dim() == 2,
                    kName,
                    ": expected index [M] or [M,K], got ",
                    index.dim(),
                    " dimensions");
  check_kinds(feat, index);
}

void check_weighted_gather(const at::Tensor& feat,
                           const at::Tensor& index,
                           const at::Tensor& weight) {
  ShapeCheck check(kName);
  check(feat, "feat", {"N", "C"});
  check(index, "index", {"M", "K"});
  check_kinds(feat, index);
  check_weight(check, feat, weight);
}

void check_gather_backward(const at::Tensor& grad,
                           const at::Tensor& index,
                           const std::optional<at::Tensor>& weight,
                           int64_t rows) {
  ShapeCheck check(kName);
  check(grad, "grad", {"M", "C"});
  if (weight) {
    check(index, "index", {"M", "K"});
    check_weight(check, grad, *weight);
  } else {
    check(index, "index", {"M"});
  }
  check_kinds(grad, index);
  TORCH_CHECK_VALUE(rows >= 0, kName, ": expected a number of rows of at least 0, got ", rows);
}

void check_index_range(int64_t lowest, int64_t highest, int64_t rows) {
  TORCH_CHECK_VALUE(lowest >= -1 && highest < rows,
                    kName,
                    ": expected an index of -1 … ",
                    rows - 1,
                    ", got ",
                    lowest < -1 ? lowest : highest);
}

}  // namespace pointattn::ops
