// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/module_tensors.h"

#include <ATen/ATen.h>

namespace pointattn::models {

std::map<std::string, at::Tensor> tensors_of(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : module.named_parameters()) tensors[entry.key()] = entry.value();
  for (const auto& entry : module.named_buffers()) tensors[entry.key()] = entry.value();
  return tensors;
}

void fill_module(const std::filesystem::path& path,
                 const torch::nn::Module& module,
                 const std::map<std::string, at::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> wanted = tensors_of(module);
  for (const auto& [name, tensor] : tensors) {
    TORCH_CHECK(wanted.count(name) == 1,
                path.string(),
                ": tensor '",
                name,
                "' does not belong to the network");
  }
  for (const auto& [name, tensor] : wanted) {
    const auto found = tensors.find(name);
    TORCH_CHECK(found != tensors.end(), path.string(), ": tensor '", name, "' is missing");
    TORCH_CHECK(found->second.sizes() == tensor.sizes(),
                path.string(),
                ": tensor '",
                name,
                "': expected shape ",
                tensor.sizes(),
                ", got ",
                found->second.sizes());
    at::Tensor(tensor).copy_(found->second);
  }
}

void check_shapes(const SafeTensors& file,
                  const std::map<std::string, std::vector<int64_t>>& expected) {
  for (const auto& [name, shape] : expected) {
    const auto found = file.tensors.find(name);
    TORCH_CHECK_VALUE(found != file.tensors.end(), "tensor '", name, "' is missing");
    TORCH_CHECK_VALUE(found->second.sizes() == at::IntArrayRef(shape),
                      "tensor '",
                      name,
                      "': expected shape ",
                      at::IntArrayRef(shape),
                      ", got ",
                      found->second.sizes());
  }
}

std::string metadata_of(const std::filesystem::path& path,
                        const SafeTensors& file,
                        const std::string& key) {
  const auto found = file.metadata.find(key);
  TORCH_CHECK(found != file.metadata.end(),
              path.string(),
              ": expected a pointattn model, got a safetensors file without '",
              key,
              "'");
  return found->second;
}

void check_format(const std::filesystem::path& path, const SafeTensors& file) {
  const std::string format = metadata_of(path, file, "pointattn");
  TORCH_CHECK(format == kModelFormat,
              path.string(),
              ": expected model format ",
              kModelFormat,
              ", got ",
              format);
}

void check_task(const std::filesystem::path& path,
                const SafeTensors& file,
                const std::string& task) {
  const std::string found = metadata_of(path, file, "task");
  TORCH_CHECK(
      found == task, path.string(), ": expected a model for ", task, ", got one for ", found);
}

}  // namespace pointattn::models
