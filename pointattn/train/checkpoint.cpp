// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/checkpoint.h"

#include "pointattn/models/module_tensors.h"

#include <ATen/ATen.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

namespace pointattn::train {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

/// The optimiser's memory of each parameter, under the parameter's name. AdamW counts its steps in
/// a number, kept as a tensor here.
Tensors memory_of(const torch::nn::Module& network, torch::optim::Optimizer& optimizer) {
  Tensors tensors;
  for (const auto& entry : network.named_parameters()) {
    const auto found = optimizer.state().find(entry.value().unsafeGetTensorImpl());
    if (found == optimizer.state().end()) continue;
    if (auto* adam = dynamic_cast<torch::optim::AdamWParamState*>(found->second.get())) {
      tensors[entry.key() + "#step"] = at::tensor(adam->step(), at::kLong);
      tensors[entry.key() + "#exp_avg"] = adam->exp_avg();
      tensors[entry.key() + "#exp_avg_sq"] = adam->exp_avg_sq();
    } else if (auto* sgd = dynamic_cast<torch::optim::SGDParamState*>(found->second.get())) {
      tensors[entry.key() + "#momentum"] = sgd->momentum_buffer();
    }
  }
  return tensors;
}

void restore_memory(const torch::nn::Module& network,
                    torch::optim::Optimizer& optimizer,
                    const Tensors& tensors) {
  const auto find = [&](const std::string& name) {
    const auto found = tensors.find(name);
    return found == tensors.end() ? at::Tensor() : found->second;
  };
  for (const auto& entry : network.named_parameters()) {
    void* key = entry.value().unsafeGetTensorImpl();
    if (const at::Tensor step = find("memory." + entry.key() + "#step"); step.defined()) {
      auto state = std::make_unique<torch::optim::AdamWParamState>();
      state->step(step.item<int64_t>());
      state->exp_avg(find("memory." + entry.key() + "#exp_avg"));
      state->exp_avg_sq(find("memory." + entry.key() + "#exp_avg_sq"));
      optimizer.state()[key] = std::move(state);
    } else if (const at::Tensor momentum = find("memory." + entry.key() + "#momentum");
               momentum.defined()) {
      auto state = std::make_unique<torch::optim::SGDParamState>();
      state->momentum_buffer(momentum);
      optimizer.state()[key] = std::move(state);
    }
  }
}

void restore_weights(const std::filesystem::path& path,
                     const std::string& prefix,
                     torch::nn::Module& module,
                     const Tensors& tensors) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : models::tensors_of(module)) {
    const auto found = tensors.find(prefix + name);
    TORCH_CHECK(found != tensors.end() && found->second.sizes() == tensor.sizes(),
                path.string(),
                ": tensor '",
                prefix,
                name,
                "' is missing or has another shape than the network's");
    at::Tensor(tensor).copy_(found->second);
  }
}

}  // namespace

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const LoopOptions& options,
                                                        const torch::nn::Module& network) {
  std::vector<at::Tensor> matrices;
  std::vector<at::Tensor> vectors;
  for (const at::Tensor& parameter : network.parameters()) {
    (parameter.dim() > 1 ? matrices : vectors).push_back(parameter);
  }
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(matrices);
  groups.emplace_back(vectors);
  const auto fill = [&](auto with_decay) {
    using Options = decltype(with_decay);
    groups[0].set_options(std::make_unique<Options>(with_decay));
    groups[1].set_options(std::make_unique<Options>(with_decay.weight_decay(0)));
  };
  if (options.optimizer == "sgd") {
    const auto defaults = torch::optim::SGDOptions(options.learning_rate)
                              .momentum(options.momentum)
                              .weight_decay(options.weight_decay);
    fill(defaults);
    return std::make_unique<torch::optim::SGD>(groups, defaults);
  }
  TORCH_CHECK_VALUE(options.optimizer == "adamw",
                    "train: expected optimizer adamw or sgd, got '",
                    options.optimizer,
                    "'");
  const auto defaults =
      torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay);
  fill(defaults);
  return std::make_unique<torch::optim::AdamW>(groups, defaults);
}

void update_average(torch::nn::Module& average, const torch::nn::Module& network, double decay) {
  const at::NoGradGuard no_grad;
  const Tensors from = models::tensors_of(network);
  for (auto& [name, tensor] : models::tensors_of(average))
    at::Tensor(tensor).lerp_(from.at(name), 1.0 - decay);
}

void copy_weights(torch::nn::Module& to, const torch::nn::Module& from) {
  const at::NoGradGuard no_grad;
  const Tensors source = models::tensors_of(from);
  for (auto& [name, tensor] : models::tensors_of(to)) at::Tensor(tensor).copy_(source.at(name));
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& state) {
  models::SafeTensors file;
  const auto add = [&](const std::string& prefix, const Tensors& tensors) {
    for (const auto& [name, tensor] : tensors) file.tensors[prefix + name] = tensor;
  };
  add("network.", models::tensors_of(state.network));
  if (state.average) add("average.", models::tensors_of(*state.average));
  add("memory.", memory_of(state.network, state.optimizer));
  file.metadata["progress"] = state.progress.dump();
  models::write_safetensors(path, file);
}

void load_checkpoint(const std::filesystem::path& path, const Checkpoint& state) {
  const models::SafeTensors file = models::read_safetensors(path);
  const auto progress = file.metadata.find("progress");
  TORCH_CHECK(
      progress != file.metadata.end(), path.string(), ": expected the state of a training run");
  state.progress = nlohmann::json::parse(progress->second);
  restore_weights(path, "network.", state.network, file.tensors);
  if (state.average) restore_weights(path, "average.", *state.average, file.tensors);
  restore_memory(state.network, state.optimizer, file.tensors);
}

}  // namespace pointattn::train
