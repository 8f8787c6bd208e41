// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/safetensors.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pointattn::models {

/// Parameters and buffers of a module by name; no copies.
std::map<std::string, at::Tensor> tensors_of(const torch::nn::Module& module);

/// Copies `tensors` of the file `path` into the module. Throws c10::Error with the path and the name
/// of the first tensor that is missing, unknown or of another shape.
void fill_module(const std::filesystem::path& path,
                 const torch::nn::Module& module,
                 const std::map<std::string, at::Tensor>& tensors);

/// Throws c10::ValueError unless the file has these tensors in these shapes. Called before a network
/// of sizes that the file names is made, so that numbers that promise more than the file has take no
/// memory.
void check_shapes(const SafeTensors& file,
                  const std::map<std::string, std::vector<int64_t>>& expected);

/// An entry of the file's metadata; throws c10::Error with the path where it is missing.
std::string metadata_of(const std::filesystem::path& path,
                        const SafeTensors& file,
                        const std::string& key);

/// Of every model file: metadata "pointattn".
inline constexpr const char* kModelFormat = "1";

/// Throws c10::Error with the path unless the file is of that format.
void check_format(const std::filesystem::path& path, const SafeTensors& file);
/// Throws c10::Error with the path and both names unless the file's "task" is `task`.
void check_task(const std::filesystem::path& path,
                const SafeTensors& file,
                const std::string& task);

/// Calls `read`, which makes something of the metadata of the file `path`. Its c10::ValueError and
/// faults of JSON become c10::Error with the path.
template <typename Read>
void read_metadata(const std::filesystem::path& path, const Read& read) {
  try {
    read();
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK(false, path.string(), ": bad model metadata: ", error.what());
  } catch (const c10::ValueError& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace pointattn::models
