// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/segmenter.h"
#include "pointattn/retrieval/encoder.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace pointattn::apps {

/// The retrieval model to use: `given`, else the environment's POINTATTN_RETRIEVAL_WEIGHTS, else
/// weights/retrieval.safetensors found as weights_path() finds its file.
std::filesystem::path retrieval_weights_path(const std::string& given);

/// --guide of the commands that use a retrieval model.
void add_guide(CLI::App& app, std::string& guide);

/// The model in the file `weights` (retrieval_weights_path() is asked), with the part-segmentation
/// model `guide` to name its parts, unless `names` is off and the model needs none; a model that was
/// trained without a guide does without names when
/// there is no segmentation model to be found.
retrieval::Encoder load_encoder(const std::string& weights,
                                const std::string& guide,
                                bool names = true);

/// The part-segmentation model that guides the parts of `model`: the file `given`, else the usual
/// weights; none for a model that was trained without a guide. A file of another name than the one
/// that the model was trained with throws c10::ValueError with both names.
std::optional<models::Segmenter> load_guide(const retrieval::RetrievalModel& model,
                                            const std::string& given);

}  // namespace pointattn::apps
