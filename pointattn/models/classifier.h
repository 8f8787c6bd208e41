// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/model_file.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::models {

/// What a cloud shows.
struct Classification {
  int64_t category = 0;
  std::vector<double> probabilities;  ///< one per category of the model
  at::Tensor feature;  ///< float32 [D] for comparing shapes by cosine; undefined when the network
                       ///< gives none
  std::vector<std::string> notes;  ///< what was unusual about the cloud, one line each
};

/// Classifies whole clouds with a classification model; the cloud is prepared as the Segmenter does
/// it.
class Classifier {
 public:
  /// Throws c10::ValueError when the model does not classify.
  explicit Classifier(Model model, nn::Precision precision = nn::Precision::kFloat32);

  /// xyz [N,3] float32 or float64, any unit and position; up to `points` of them are sampled.
  /// Throws c10::ValueError as Segmenter::segment().
  Classification classify(const at::Tensor& xyz, int64_t points = 1024) const;

  const Model& model() const { return model_; }

 private:
  Model model_;
  nn::Precision precision_;
};

}  // namespace pointattn::models
