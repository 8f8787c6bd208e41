// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace pointattn {

/// Shape checks with named dimensions: a name takes the size that it meets first and must keep it.
/// A violation throws c10::ValueError with what was expected and what came, as in "knn: expected
/// points [N,3] with N=5, got [4,3]".
///
///   ShapeCheck check("knn");
///   check(query, "query", {"M", 3});
///   check(points, "points", {"N", 3});
///   int64_t M = check["M"];
class ShapeCheck {
 public:
  using Dim = std::variant<int64_t, const char*, int>;

  explicit ShapeCheck(const char* operation) : operation_(operation) {}

  /// Checks `tensor`, called `name` in messages, against `dims` (a number is a fixed size, a string
  /// a named one).
  void operator()(const at::Tensor& tensor, const char* name, std::initializer_list<Dim> dims);

  /// Size bound to a name by an earlier check; an unbound name is a programming error.
  int64_t operator[](const char* dim) const;

  /// Fixes the size of a name before a tensor is checked.
  void bind(const char* dim, int64_t size) { sizes_[dim] = size; }

 private:
  const char* operation_;
  std::map<std::string, int64_t> sizes_;
};

/// Throws unless every element of `tensor` is finite; the message names the first offending row.
void check_finite(const char* operation, const at::Tensor& tensor, const char* name);

/// Row starts of the clouds of a ragged batch, copied to the CPU: [B+1], starting with 0, never
/// falling, ending with `rows`. Throws c10::ValueError otherwise. `offsets` may live on any device
/// (a GPU tensor costs one synchronisation).
std::vector<int64_t> checked_offsets(const char* operation,
                                     const at::Tensor& offsets,
                                     const char* name,
                                     int64_t rows);

}  // namespace pointattn
