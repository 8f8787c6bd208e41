// SPDX-License-Identifier: Apache-2.0
#include "apps/retrieval_weights.h"

#include "apps/weights.h"

#include <c10/util/Exception.h>

namespace pointattn::apps {

std::filesystem::path retrieval_weights_path(const std::string& given) {
  return find_weights(given, "POINTATTN_RETRIEVAL_WEIGHTS", "weights/retrieval.safetensors");
}

void add_guide(CLI::App& app, std::string& guide) {
  app.add_option("--guide",
                 guide,
                 "Part-segmentation model that the model was trained with, where it was. Default: "
                 "as for segment")
      ->type_name("FILE");
}

std::optional<models::Segmenter> load_guide(const retrieval::RetrievalModel& model,
                                            const std::string& given) {
  if (model.guide.empty()) return std::nullopt;
  const std::filesystem::path path = weights_path(given);
  TORCH_CHECK_VALUE(path.filename() == model.guide,
                    "expected the guide ",
                    model.guide,
                    " that the model was trained with, got ",
                    path.string());
  return models::Segmenter(load_weights(path, models::Task::kSegment, at::kCPU));
}

retrieval::Encoder load_encoder(const std::string& weights, const std::string& guide, bool names) {
  const std::filesystem::path path = retrieval_weights_path(weights);
  retrieval::RetrievalModel model = retrieval::load_retrieval_model(path);
  std::optional<models::Segmenter> segmenter = load_guide(model, guide);
  if (!segmenter && names) {
    try {
      segmenter.emplace(load_weights(weights_path(guide), models::Task::kSegment, at::kCPU));
    } catch (const c10::Error&) {
      if (!guide.empty()) throw;
    }
  }
  return {std::move(model), path.filename().string(), std::move(segmenter)};
}

}  // namespace pointattn::apps
