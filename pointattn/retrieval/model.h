// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/network.h"
#include "pointattn/text/vocabulary.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace pointattn::retrieval {

/// A retrieval network with its weights and everything that its users must know.
struct RetrievalModel {
  RetrievalOptions options;
  int64_t points = 512;  ///< points of a shape that the network sees
  std::string guide;     ///< file name of the part-segmentation model whose parts guide the
                         ///< attention; empty: unguided
  std::shared_ptr<const text::Vocabulary> vocabulary;
  nlohmann::json card = nlohmann::json::object();  ///< where the weights come from
  RetrievalNetwork network{nullptr};               ///< in evaluation mode after loading
  std::string fingerprint;  ///< of the weights: 16 hexadecimal digits; empty before loading
};

/// A retrieval model is one safetensors file: parameters and buffers under their module names, and
/// in the metadata "pointattn" (format version "1"), "task" ("retrieval"), "options", "points",
/// "guide", "vocabulary" and "card".
void save_retrieval_model(const std::filesystem::path& path, const RetrievalModel& model);

/// Builds the network that the file describes and fills it. Loading runs no code of the file. Throws
/// c10::Error with the path for a file that is cut or no retrieval model, and names the first tensor
/// that is missing, unknown or of another shape.
RetrievalModel load_retrieval_model(const std::filesystem::path& path);

}  // namespace pointattn::retrieval
