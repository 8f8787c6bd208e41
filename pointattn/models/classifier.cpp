// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/classifier.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/models/inference.h"
#include "pointattn/nn/project.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <utility>

namespace pointattn::models {

Classifier::Classifier(Model model, nn::Precision precision)
    : model_(std::move(model)), precision_(precision) {
  TORCH_CHECK_VALUE(model_.network, "classify: expected a model with a network, got none");
  TORCH_CHECK_VALUE(model_.spec.task == Task::kClassify,
                    "classify: expected a model that classifies, got one for the task ",
                    to_string(model_.spec.task));
  freeze(*model_.network, precision);
}

Classification Classifier::classify(const at::Tensor& xyz, int64_t points) const {
  const c10::InferenceMode inference;
  const nn::ReducedProducts reduced(precision_ == nn::Precision::kBFloat16);
  PreparedCloud cloud = prepare_cloud(xyz, points);
  const Scores out = network_scores(*model_.network,
                                    Task::kClassify,
                                    to_unit_sphere(cloud.sample),
                                    kUnknownCategory,
                                    model_.spec.labels.num_categories());
  const at::Tensor probabilities = out.scores[0].to(at::kDouble).softmax(0).contiguous();
  const double* first = probabilities.const_data_ptr<double>();
  return {probabilities.argmax().item<int64_t>(),
          std::vector<double>(first, first + probabilities.numel()),
          out.feature.defined() ? out.feature[0] : at::Tensor(),
          std::move(cloud.notes)};
}

}  // namespace pointattn::models
