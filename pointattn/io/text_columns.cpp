// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/text_columns.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <initializer_list>
#include <limits>

namespace pointattn::io {
namespace {

bool whole_within(const at::Tensor& column, double low, double high) {
  return column.eq(column.floor())
      .logical_and(column.ge(low))
      .logical_and(column.le(high))
      .all()
      .item<bool>();
}

bool are_colours(const std::vector<at::Tensor>& columns, size_t first) {
  return std::all_of(columns.begin() + static_cast<ptrdiff_t>(first),
                     columns.begin() + static_cast<ptrdiff_t>(first) + 3,
                     [](const at::Tensor& column) { return whole_within(column, 0, 255); });
}

bool are_normals(const std::vector<at::Tensor>& columns, size_t first) {
  constexpr double kTolerance = 0.01;
  at::Tensor square = columns[first].square();
  square.addcmul_(columns[first + 1], columns[first + 1]);
  square.addcmul_(columns[first + 2], columns[first + 2]);
  return square.sqrt_().sub_(1).abs_().le(kTolerance).all().item<bool>();
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<std::string> guess_names(const std::vector<at::Tensor>& columns) {
  std::vector<std::string> names = {"x", "y", "z"};
  const auto add = [&](std::initializer_list<const char*> more) {
    names.insert(names.end(), more.begin(), more.end());
  };
  const size_t count = columns.size();
  if (count == 4) {
    add({"scalar"});
  } else if (count == 6 && are_normals(columns, 3)) {
    add({"nx", "ny", "nz"});
  } else if (count == 6 && are_colours(columns, 3)) {
    add({"red", "green", "blue"});
  } else if (count == 7 && are_normals(columns, 3)) {
    add({"nx", "ny", "nz", "label"});
  } else if (count == 7 && are_colours(columns, 4)) {
    add({"intensity", "red", "green", "blue"});
  }
  for (size_t i = names.size(); i < count; ++i) names.push_back("scalar_" + std::to_string(i - 2));
  return names;
}

Field to_field(std::string name, at::Tensor column) {
  if (is_one_of(name, {"red", "green", "blue", "r", "g", "b"}) && whole_within(column, 0, 255)) {
    column = column.to(at::kByte);
  } else if (is_one_of(name, {"label", "class", "classification"}) &&
             whole_within(column,
                          std::numeric_limits<int32_t>::min(),
                          std::numeric_limits<int32_t>::max())) {
    column = column.to(at::kInt);
  }
  return {std::move(name), std::move(column)};
}

}  // namespace pointattn::io
