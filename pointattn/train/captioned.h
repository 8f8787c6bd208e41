// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pointattn::train {

/// Numbers of a box: its centre, its edge lengths, and the unit directions of its three edges.
inline constexpr int64_t kBoxNumbers = 15;

/// A fixed list of shapes, each with sentences that describe it. All methods are const and may be
/// called from several threads.
class CaptionedShapes {
 public:
  virtual ~CaptionedShapes() = default;
  virtual int64_t size() const = 0;
  /// Identity of a shape in its source.
  virtual std::string name(int64_t shape) const = 0;
  /// UTF-8, at least one.
  virtual const std::vector<std::string>& captions(int64_t shape) const = 0;
  /// [points,3] float32 drawn from the surface, y up, any scale. The same `random` gives the same.
  virtual at::Tensor points(int64_t shape, int64_t points, Random random) const = 0;
  /// What the shape is made of, as boxes in the frame of points(): [P,kBoxNumbers] float32, P ≥ 1.
  virtual at::Tensor boxes(int64_t shape) const = 0;
};

using CaptionedShapesPtr = std::shared_ptr<const CaptionedShapes>;

}  // namespace pointattn::train
