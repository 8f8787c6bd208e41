// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/model_file.h"

#include <CLI/CLI.hpp>
#include <c10/core/Device.h>

#include <filesystem>
#include <string>

namespace pointattn::apps {

/// The model file to use: `given`, else the environment's `variable`, else `usual` in the source
/// tree that the program was built in or in the folder above it. Throws c10::Error that names the
/// ways out.
std::filesystem::path find_weights(const std::string& given,
                                   const char* variable,
                                   const char* usual);

/// find_weights() for part segmentation: POINTATTN_WEIGHTS, weights/psb_parts.safetensors.
std::filesystem::path weights_path(const std::string& given);

/// Loads a model for `task` onto `device`; a model of the other task throws c10::ValueError.
models::Model load_weights(const std::filesystem::path& path, models::Task task, at::Device device);

/// --bfloat16 of the commands that run a network.
void add_bfloat16(CLI::App& app, bool& on);
inline nn::Precision precision_of(bool bfloat16) {
  return bfloat16 ? nn::Precision::kBFloat16 : nn::Precision::kFloat32;
}

}  // namespace pointattn::apps
