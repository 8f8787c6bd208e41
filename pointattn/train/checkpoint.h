// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/loop.h"

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <filesystem>
#include <memory>

namespace pointattn::train {

/// Optimiser of a run over the parameters of `network`: weight decay on matrices only.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const LoopOptions& options,
                                                        const torch::nn::Module& network);

/// Moves `average` towards `network`: a ← decay·a + (1 − decay)·w for parameters and floating-point
/// buffers.
void update_average(torch::nn::Module& average, const torch::nn::Module& network, double decay);

/// Copies parameters and buffers by name.
void copy_weights(torch::nn::Module& to, const torch::nn::Module& from);

/// State of a run between two epochs.
struct Checkpoint {
  torch::nn::Module& network;
  torch::nn::Module* average;  ///< nullptr when weights are not averaged
  torch::optim::Optimizer& optimizer;
  nlohmann::json& progress;  ///< epoch, step, best look and what else the trainer keeps
};

/// One safetensors file with everything, tensors bit for bit. Loading fills the objects in place
/// and throws c10::Error for a file that does not fit them.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& state);
void load_checkpoint(const std::filesystem::path& path, const Checkpoint& state);

}  // namespace pointattn::train
