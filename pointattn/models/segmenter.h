// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/model_file.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::models {

struct SegmentOptions {
  int64_t category = kUnknownCategory;  ///< category id, or kUnknownCategory: find it
  int64_t points = 4096;  ///< points that the network sees; clouds with more are sampled down to it
  int up = 1;  ///< axis of the cloud that points upwards: 0 x, 1 y (as in the training data), 2 z
};

/// A label for every point of a cloud.
struct Segmentation {
  at::Tensor label;  ///< int64 [N] global part ids, in the order of the input points; all of them
                     ///< parts of `category`
  at::Tensor confidence;  ///< float32 [N] probability of the label among the parts of the category,
                          ///< in (0,1]
  int64_t category = 0;
  double category_confidence = 1.0;  ///< probability of the category; 1 when the caller gave it
  std::vector<double>
      category_probabilities;  ///< one per category of the model; empty when the caller gave it
  std::vector<std::string>
      notes;  ///< what was unusual about the cloud and how it was handled, one line each
};

/// Segments whole clouds with a part-segmentation model.
///
/// How: points that are not finite are set aside and each place counts once; farthest point
/// sampling takes `points` of the rest (a cloud of more than 65,536 is first thinned to one point a
/// cell of a 128³ grid); the sample is centred on its mean and scaled into the unit sphere (so
/// metres, millimetres and UTM offsets make no difference); the network scores it; the softmax of
/// its scores over the parts of the category goes back to every point by inverse-distance
/// interpolation over the 3 nearest sampled points; a point that is not finite takes the most
/// frequent label, confidence 0. Without a category the network runs once without one, the category
/// with the highest total probability is taken, and it runs again with it. Memory beyond the input:
/// O(N) with a small constant. Deterministic.
class Segmenter {
 public:
  /// Throws c10::ValueError when the model does not segment.
  explicit Segmenter(Model model, nn::Precision precision = nn::Precision::kFloat32);

  /// xyz [N,3] float32 or float64, any unit and position. Throws c10::ValueError: N = 0, no finite
  /// point, category or axis out of range.
  Segmentation segment(const at::Tensor& xyz, const SegmentOptions& options = {}) const;

  const Model& model() const { return model_; }

 private:
  Model model_;
  nn::Precision precision_;
};

}  // namespace pointattn::models
