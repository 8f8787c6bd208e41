// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/network.h"
#include "pointattn/models/pct.h"
#include "pointattn/models/pct_unet.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::models {

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> all = {
      {"pct",
       "Point Cloud Transformer (Guo et al. 2021)",
       {Task::kClassify, Task::kSegment},
       make_pct},
      {"npct",
       "naive PCT: point embedding, plain self-attention",
       {Task::kClassify, Task::kSegment},
       make_npct},
      {"spct",
       "simple PCT: point embedding, offset attention",
       {Task::kClassify, Task::kSegment},
       make_spct},
      {"pct_unet",
       "offset attention in a U of local layers, for small data sets",
       {Task::kSegment},
       make_pct_unet},
  };
  return all;
}

std::string to_string(Task task) { return task == Task::kClassify ? "classify" : "segment"; }

Task task_from(const std::string& text) {
  if (text == "classify") return Task::kClassify;
  TORCH_CHECK_VALUE(text == "segment", "expected task classify or segment, got '", text, "'");
  return Task::kSegment;
}

std::shared_ptr<Network> make_network(const ModelSpec& spec) {
  std::string known;
  for (const Architecture& entry : architectures()) {
    known += (known.empty() ? "" : ", ") + entry.name;
    if (entry.name != spec.architecture) continue;
    TORCH_CHECK_VALUE(
        std::find(entry.tasks.begin(), entry.tasks.end(), spec.task) != entry.tasks.end(),
        "architecture ",
        entry.name,
        " does not ",
        to_string(spec.task));
    return entry.make(spec);
  }
  TORCH_CHECK_VALUE(false, "unknown architecture '", spec.architecture, "'; known: ", known);
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace pointattn::models
