// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/segmenter.h"
#include "pointattn/train/captioned.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::retrieval {

/// Points of every shape of a set, drawn once and kept: a training run takes others of them in each
/// epoch, an evaluation the first ones.
struct ShapePools {
  /// [P,3] float32 each, in the order of farthest point sampling, so that the first n are what
  /// prepare_cloud() would choose of a cloud.
  std::vector<at::Tensor> xyz;
  /// [P,G] each: probability of each part of the shape's category; empty without a segmenter.
  std::vector<at::Tensor> prior;
};

/// `points` points a shape, taken by farthest point sampling from four times as many drawn at
/// random. `segmenter`, when there is one, gives the prior over the parts of the category that it
/// finds, the first `columns` of them. Deterministic by seed. All threads.
ShapePools make_shape_pools(const train::CaptionedShapes& shapes,
                            int64_t points,
                            uint64_t seed,
                            const models::Segmenter* segmenter = nullptr,
                            int64_t columns = 0);

/// Label and confidence of a segmentation as probabilities [N,columns] of the first parts of its
/// category; the rest of the probability, and parts beyond, count nothing.
at::Tensor prior_of(const models::Segmentation& segmentation,
                    const LabelMap& labels,
                    int64_t columns);

}  // namespace pointattn::retrieval
