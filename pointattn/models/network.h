// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/core/point_batch.h"
#include "pointattn/nn/frozen_linear.h"
#include "pointattn/nn/non_local.h"

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
  /// Classification: what the scores are made from, [B,D], for comparing shapes by cosine.
  at::Tensor feature{};
};

/// A whole network: from a batch of clouds to scores.
class Network : public torch::nn::Module {
 public:
  /// batch     coordinates normalised to the unit sphere; any number of points ≥ 1 a cloud
  /// category  int64 [B] category ids or kUnknownCategory; classification ignores it and takes an
  /// undefined tensor too
  virtual Scores forward(const PointBatch& batch, const at::Tensor& category) = 0;

  /// Puts a non-local block, as submodule "non_local", where the network refines its features. A
  /// fresh one changes nothing.
  void insert_non_local(const nn::NonLocalOptions& options);

 protected:
  /// Channels of the features that the network hands to refine().
  virtual int64_t refined_channels() const = 0;
  /// Every network calls this once a forward pass on the features in its middle, where context helps
  /// most: feat [n,C] of the points of `points` → [n,C]; as they are without a non-local block.
  at::Tensor refine(const at::Tensor& feat, const PointBatch& points);

 private:
  nn::NonLocal non_local_{nullptr};
};

/// Everything that is needed to build a network again: what the model file's metadata hold.
struct ModelSpec {
  std::string architecture;  ///< name in architectures()
  Task task = Task::kSegment;
  /// The architecture's own options, and for every one of them "non_local" (a kind of non-local
  /// block, or "") and "non_local_keys"; missing ones take their defaults.
  nlohmann::json options = nlohmann::json::object();
  LabelMap labels;
};

/// An entry of the registry.
struct Architecture {
  std::string name;
  std::string description;  ///< one line: what it is
  std::string source;       ///< where it comes from: authors, title, venue, year
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
