// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/facts.h"
#include "pointattn/core/labels.h"
#include "pointattn/train/dataset.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::datasets {

/// A generated object, y up and its front to +z, centred on the mean of its points and scaled into
/// the unit sphere.
struct ProceduralShape {
  at::Tensor xyz;     ///< [N,3] float32, in random order
  at::Tensor normal;  ///< [N,3] float32, outward unit normals
  at::Tensor part;    ///< [N] int64, positions in the parts of the category
  ShapeFacts facts;   ///< the shape in words; captions_of() (procedural/captions.h) makes sentences
};

/// The generator's categories with their parts, ids global over all of them.
LabelMap procedural_labels();

/// Shape number `index` of a category (position in procedural_labels()): the same arguments give
/// the same points. `noise` is the standard deviation of a shift of every point, as a share of the
/// shape's radius. Throws c10::ValueError for an unknown category, fewer than one point, or a
/// negative noise.
ProceduralShape make_shape(
    int64_t category, uint64_t index, uint64_t seed, int64_t points, double noise = 0);

struct ProceduralOptions {
  std::vector<std::string> categories;  ///< by name; empty for all
  int64_t shapes = 0;     ///< in all, taken from the categories in turn; 0 for 100 of each
  int64_t points = 2048;  ///< of a shape
  uint64_t seed = 0;
  uint64_t first =
      0;  ///< index of the first shape of each category: ranges that do not meet make disjoint sets
  double noise = 0;  ///< see make_shape()
};

/// Shapes made when they are asked for, nothing is kept. Part ids are global over the chosen
/// categories.
train::DatasetPtr procedural_dataset(const ProceduralOptions& options);

}  // namespace pointattn::datasets
