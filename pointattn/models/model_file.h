// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>

namespace pointattn::models {

/// A network with its weights and everything that its users must know.
struct Model {
  ModelSpec spec;
  nlohmann::json card = nlohmann::json::object();  ///< where the weights come from: data, command,
                                                   ///< seed, date, figures
  std::shared_ptr<Network> network;                ///< in evaluation mode after load_model()
};

/// A model is one safetensors file: the network's parameters and buffers under their module names,
/// and in the metadata "pointattn" (format version "1"), "architecture", "task", "options",
/// "labels" and "card" (the last three JSON text).
void save_model(const std::filesystem::path& path, const Model& model);

/// Builds the network that the file describes and fills it. Loading runs no code of the file.
/// Throws c10::Error with the path for a file that is cut or no model of this project, and names
/// the first tensor that is missing, unknown or of another shape.
Model load_model(const std::filesystem::path& path);

}  // namespace pointattn::models
