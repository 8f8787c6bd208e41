// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/entry_info.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace pointattn::retrieval {
namespace {

constexpr float kSteps = 65535;

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Takes values off the front of the bytes.
class Source {
 public:
  explicit Source(std::string_view bytes) : bytes_(bytes) {}

  std::string_view take(uint64_t size) {
    TORCH_CHECK(size <= bytes_.size(),
                "expected ",
                size,
                " more bytes of a shape's description, got ",
                bytes_.size());
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  template <typename T>
  T take() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  void end() const {
    TORCH_CHECK(bytes_.empty(), bytes_.size(), " bytes too many in a shape's description");
  }

 private:
  std::string_view bytes_;
};

struct Bounds {
  std::array<float, 3> low;
  std::array<float, 3> extent;
};

Bounds bounds_of(const float* xyz, int64_t points) {
  Bounds bounds{};
  for (size_t axis = 0; axis < 3; ++axis) {
    float low = xyz[axis];
    float high = xyz[axis];
    for (int64_t i = 1; i < points; ++i) {
      low = std::min(low, xyz[3 * i + static_cast<int64_t>(axis)]);
      high = std::max(high, xyz[3 * i + static_cast<int64_t>(axis)]);
    }
    bounds.low[axis] = low;
    bounds.extent[axis] = high - low;
  }
  return bounds;
}

void put_sketch(std::string& bytes, const GalleryEntry& entry) {
  const int64_t points = entry.sketch.defined() ? entry.sketch.size(0) : 0;
  put(bytes, static_cast<uint32_t>(points));
  if (points == 0) return;
  const at::Tensor sketch = entry.sketch.to(at::kFloat).contiguous();
  const float* xyz = sketch.const_data_ptr<float>();
  const Bounds bounds = bounds_of(xyz, points);
  put(bytes, bounds);
  for (int64_t i = 0; i < 3 * points; ++i) {
    const auto axis = static_cast<size_t>(i % 3);
    const float share =
        bounds.extent[axis] > 0 ? (xyz[i] - bounds.low[axis]) / bounds.extent[axis] : 0.0F;
    put(bytes, static_cast<uint16_t>(std::lround(std::clamp(share, 0.0F, 1.0F) * kSteps)));
  }
  for (const uint8_t part : entry.sketch_parts) put(bytes, part);
}

void take_sketch(Source& source, int64_t parts, GalleryEntry& entry) {
  const auto points = source.take<uint32_t>();
  if (points == 0) return;
  const auto bounds = source.take<Bounds>();
  const std::string_view steps = source.take(uint64_t{6} * points);
  const std::string_view rows = source.take(points);
  entry.sketch = at::empty({static_cast<int64_t>(points), 3}, at::kFloat);
  float* xyz = entry.sketch.mutable_data_ptr<float>();
  for (size_t i = 0; i < size_t{3} * points; ++i) {
    uint16_t step = 0;
    std::memcpy(&step, steps.data() + 2 * i, sizeof step);
    xyz[i] = bounds.low[i % 3] + bounds.extent[i % 3] * (static_cast<float>(step) / kSteps);
  }
  TORCH_CHECK(entry.sketch.isfinite().all().item<bool>(), "a sketch that is not finite");
  entry.sketch_parts.assign(rows.begin(), rows.end());
  for (const uint8_t part : entry.sketch_parts) {
    TORCH_CHECK(part < parts,
                "a sketch of ",
                parts,
                " parts whose points name part ",
                static_cast<int>(part));
  }
}

}  // namespace

std::string encode_info(const GalleryEntry& entry) {
  std::string bytes;
  for (const std::string& name : entry.part_names) {
    put(bytes, static_cast<uint16_t>(name.size()));
    bytes += name;
  }
  put_sketch(bytes, entry);
  put(bytes, static_cast<uint32_t>(entry.thumbnail.size()));
  bytes += entry.thumbnail;
  return bytes;
}

void decode_info(std::string_view bytes, int64_t parts, GalleryEntry& entry) {
  Source source(bytes);
  for (int64_t part = 0; part < parts; ++part) {
    entry.part_names.emplace_back(source.take(source.take<uint16_t>()));
  }
  take_sketch(source, parts, entry);
  entry.thumbnail = source.take(source.take<uint32_t>());
  source.end();
}

}  // namespace pointattn::retrieval
