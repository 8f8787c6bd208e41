// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/cloud.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <array>

namespace pointattn::io {
namespace {

std::string names_of(const std::vector<Field>& fields) {
  std::string names;
  for (const Field& field : fields) names += (names.empty() ? "" : " ") + field.name;
  return names.empty() ? "none" : names;
}

/// Three fields side by side as float64 [N,3], or undefined when one is missing.
at::Tensor stacked(const Cloud& cloud, const std::array<const char*, 3>& names) {
  std::vector<at::Tensor> columns;
  for (const char* name : names) {
    const Field* field = cloud.find(name);
    if (!field || field->values.dim() != 1) return {};
    columns.push_back(field->values.to(at::kDouble));
  }
  return at::stack(columns, 1);
}

/// What turns a channel of this type into 0..255: files have bytes, 16-bit integers, or floats in
/// 0..1 (some in 0..255).
double colour_scale(at::ScalarType type, double largest) {
  if (at::isFloatingType(type) && largest <= 1) return 255;
  if (type == at::kUInt16 && largest > 255) return 1.0 / 257;
  return 1;
}

at::Tensor unpacked(const at::Tensor& packed) {
  const at::Tensor bits = packed.contiguous().view(at::kInt).to(at::kLong);
  const auto channel = [&](int64_t shift) { return at::__rshift__(bits, shift).bitwise_and(255); };
  return at::stack({channel(16), channel(8), channel(0)}, 1).to(at::kByte);
}

}  // namespace

int64_t Cloud::points() const { return fields.empty() ? 0 : fields.front().values.size(0); }

const Field* Cloud::find(const std::string& name) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

void Cloud::set(const std::string& name, at::Tensor values) {
  TORCH_CHECK_VALUE(values.defined() && (values.dim() == 1 || values.dim() == 2),
                    "cloud: expected field '",
                    name,
                    "' of shape [N] or [N,count]");
  TORCH_CHECK_VALUE(fields.empty() || values.size(0) == points(),
                    "cloud: expected ",
                    points(),
                    " values of field '",
                    name,
                    "', got ",
                    values.size(0));
  if (const Field* old = find(name)) {
    fields[static_cast<size_t>(old - fields.data())].values = std::move(values);
  } else {
    fields.push_back({name, std::move(values)});
  }
}

at::Tensor Cloud::xyz() const {
  at::Tensor xyz = stacked(*this, {"x", "y", "z"});
  TORCH_CHECK_VALUE(xyz.defined(), "cloud: expected fields x y z, got ", names_of(fields));
  return xyz;
}

at::Tensor Cloud::colors() const {
  for (const std::array<const char*, 3>& names :
       {std::array{"red", "green", "blue"}, std::array{"r", "g", "b"}}) {
    const at::Tensor channels = stacked(*this, names);
    if (!channels.defined()) continue;
    const at::Tensor clean = channels.nan_to_num(0, 0, 0);
    const double largest = points() == 0 ? 0 : clean.max().item<double>();
    const double scale = colour_scale(find(names[0])->values.scalar_type(), largest);
    return (clean * scale).round().clamp(0, 255).to(at::kByte);
  }
  for (const char* name : {"rgb", "rgba"}) {
    const Field* field = find(name);
    if (field && field->values.dim() == 1 && field->values.element_size() == 4) {
      return unpacked(field->values);
    }
  }
  return {};
}

}  // namespace pointattn::io
