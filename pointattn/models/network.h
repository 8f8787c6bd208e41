// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/core/point_batch.h"
#include "pointattn/nn/frozen_linear.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pointattn::models {

enum class Task { kClassify, kSegment };

std::string to_string(Task task);
/// "classify" or "segment"; anything else throws c10::ValueError.
Task task_from(const std::string& text);

/// A category that is not known: its one-hot vector is zero, and networks made for both cases
/// answer for every category.
inline constexpr int64_t kUnknownCategory = -1;

/// What a network says of a batch, as logits.
struct Scores {
  at::Tensor scores;  ///< [B, categories] for classification, [N, parts] for segmentation
  at::Tensor
      category;  ///< segmentation: the network's own guess of the category [B, categories], undefined when it makes none
};

/// A whole network: from a batch of clouds to scores.
class Network : public torch::nn::Module {
 public:
  /// batch     coordinates normalised to the unit sphere; any number of points ≥ 1 a cloud
  /// category  int64 [B] category ids or kUnknownCategory; classification ignores it and takes an
  /// undefined tensor too
  virtual Scores forward(const PointBatch& batch, const at::Tensor& category) = 0;
};

/// Everything that is needed to build a network again: what the model file's metadata hold.
struct ModelSpec {
  std::string architecture;  ///< name in architectures()
  Task task = Task::kSegment;
  nlohmann::json options = nlohmann::json::object();  ///< the architecture's own options; missing
                                                      ///< ones take their defaults
  LabelMap labels;
};

/// An entry of the registry.
struct Architecture {
  std::string name;
  std::string description;  ///< one line: what it is, which paper
  std::vector<Task> tasks;
  std::shared_ptr<Network> (*make)(const ModelSpec& spec);
};

/// Every architecture. Adding one: its own file and one line in registry.cpp.
const std::vector<Architecture>& architectures();

/// Builds a network with fresh weights (from LibTorch's global generator). Throws c10::ValueError
/// for an unknown architecture, a task that it does not do, or options that it does not know.
std::shared_ptr<Network> make_network(const ModelSpec& spec);

/// Puts a network into its fastest form for inference: eval mode, batch norms folded into the
/// weights of the products, weights packed for the machine. It computes the same, to 1e-5 in float32,
/// and can be trained again after train(). Call it after the weights are loaded.
void freeze(Network& network, nn::Precision precision = nn::Precision::kFloat32);

int64_t parameter_count(const torch::nn::Module& module);

}  // namespace pointattn::models
