// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/check.h"

#include <ATen/ATen.h>

#include <sstream>

namespace pointattn {
namespace {

std::string shape_of(const at::Tensor& tensor) {
  std::ostringstream text;
  text << '[';
  for (int64_t d = 0; d < tensor.dim(); ++d) text << (d ? "," : "") << tensor.size(d);
  text << ']';
  return text.str();
}

}  // namespace

void ShapeCheck::operator()(const at::Tensor& tensor,
                            const char* name,
                            std::initializer_list<Dim> dims) {
  TORCH_CHECK_VALUE(tensor.defined(), operation_, ": expected a tensor for ", name, ", got none");
  bool good = tensor.dim() == static_cast<int64_t>(dims.size());
  std::ostringstream expected;
  std::ostringstream known;
  int64_t d = 0;
  for (const Dim& dim : dims) {
    expected << (d ? "," : "");
    const int64_t size = d < tensor.dim() ? tensor.size(d) : -1;
    if (const auto* text = std::get_if<const char*>(&dim)) {
      expected << *text;
      const auto bound = sizes_.find(*text);
      if (bound == sizes_.end()) {
        if (good) sizes_[*text] = size;
      } else {
        known << (known.tellp() > 0 ? ", " : " with ") << *text << '=' << bound->second;
        good = good && bound->second == size;
      }
    } else {
      const int64_t fixed =
          std::holds_alternative<int>(dim) ? std::get<int>(dim) : std::get<int64_t>(dim);
      expected << fixed;
      good = good && fixed == size;
    }
    ++d;
  }
  TORCH_CHECK_VALUE(good,
                    operation_,
                    ": expected ",
                    name,
                    " [",
                    expected.str(),
                    "]",
                    known.str(),
                    ", got ",
                    shape_of(tensor));
}

int64_t ShapeCheck::operator[](const char* dim) const {
  const auto found = sizes_.find(dim);
  TORCH_INTERNAL_ASSERT(found != sizes_.end(), "no size known for dimension ", dim);
  return found->second;
}

void check_finite(const char* operation, const at::Tensor& tensor, const char* name) {
  // One pass over the data in the common case: a sum is finite unless a term is not (or it
  // overflows: then look closer).
  if (tensor.numel() == 0 || at::isfinite(tensor.detach().sum()).item<bool>()) return;
  const at::Tensor bad =
      at::isfinite(tensor.detach()).logical_not().reshape({tensor.size(0), -1}).any(1).nonzero();
  TORCH_CHECK_VALUE(bad.numel() == 0,
                    operation,
                    ": expected finite ",
                    name,
                    ", got NaN or infinity in row ",
                    bad[0].item<int64_t>());
}

std::vector<int64_t> checked_offsets(const char* operation,
                                     const at::Tensor& offsets,
                                     const char* name,
                                     int64_t rows) {
  TORCH_CHECK_VALUE(
      offsets.defined() && offsets.scalar_type() == at::kLong && offsets.dim() == 1 &&
          offsets.size(0) >= 1,
      operation,
      ": expected int64 ",
      name,
      " [B+1], got ",
      offsets.defined() ? std::string(offsets.dtype().name()) + " " + shape_of(offsets) : "none");
  const at::Tensor host = offsets.to(at::kCPU).contiguous();
  std::vector<int64_t> result(host.const_data_ptr<int64_t>(),
                              host.const_data_ptr<int64_t>() + host.numel());
  TORCH_CHECK_VALUE(result.front() == 0,
                    operation,
                    ": expected ",
                    name,
                    " to start with 0, got ",
                    result.front());
  for (size_t b = 1; b < result.size(); ++b) {
    TORCH_CHECK_VALUE(result[b] >= result[b - 1],
                      operation,
                      ": expected rising ",
                      name,
                      ", got ",
                      result[b - 1],
                      " before ",
                      result[b]);
  }
  TORCH_CHECK_VALUE(result.back() == rows,
                    operation,
                    ": expected ",
                    name,
                    " to end with the number of rows ",
                    rows,
                    ", got ",
                    result.back());
  return result;
}

}  // namespace pointattn
