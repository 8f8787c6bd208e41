// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/network.h"

#include <c10/util/Exception.h>

namespace pointattn::models {

void Network::insert_non_local(const nn::NonLocalOptions& options) {
  TORCH_CHECK_VALUE(!non_local_, "network: expected one non-local block, got a second");
  non_local_ = register_module("non_local", nn::NonLocal(refined_channels(), options));
}

at::Tensor Network::refine(const at::Tensor& feat, const PointBatch& points) {
  return non_local_ ? non_local_(feat, points) : feat;
}

std::string to_string(Task task) { return task == Task::kClassify ? "classify" : "segment"; }

Task task_from(const std::string& text) {
  if (text == "classify") return Task::kClassify;
  TORCH_CHECK_VALUE(text == "segment", "expected task classify or segment, got '", text, "'");
  return Task::kSegment;
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

void freeze(Network& network, nn::Precision precision) {
  network.eval();
  for (const auto& module : network.modules()) {
    if (auto* layer = dynamic_cast<nn::Freezable*>(module.get())) layer->freeze(precision);
  }
}

}  // namespace pointattn::models
