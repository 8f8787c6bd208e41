// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/safetensors.h"

#include <torch/nn/module.h>

#include <filesystem>
#include <map>
#include <string>

namespace pointattn::models {

/// Parameters and buffers of a module by name; no copies.
std::map<std::string, at::Tensor> tensors_of(const torch::nn::Module& module);

/// Copies `tensors` of the file `path` into the module. Throws c10::Error with the path and the name
/// of the first tensor that is missing, unknown or of another shape.
void fill_module(const std::filesystem::path& path,
                 const torch::nn::Module& module,
                 const std::map<std::string, at::Tensor>& tensors);

/// An entry of the file's metadata; throws c10::Error with the path where it is missing.
std::string metadata_of(const std::filesystem::path& path,
                        const SafeTensors& file,
                        const std::string& key);

}  // namespace pointattn::models
