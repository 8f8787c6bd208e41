// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/module_tensors.h"
#include "pointattn/models/options.h"
#include "pointattn/text/text_classifier.h"

#include <ATen/ATen.h>

namespace pointattn::text {
namespace {

constexpr const char* kArchitecture = "structured_self_attention";
constexpr const char* kTask = "text";

nlohmann::json json_of(const TextClassifierOptions& options) {
  return {{"encoder", to_json(options.encoder)},
          {"head", options.head},
          {"head_dropout", options.head_dropout}};
}

TextClassifierOptions options_from_json(const nlohmann::json& json) {
  TextClassifierOptions options;
  nlohmann::json encoder = nlohmann::json::object();
  models::OptionReader read("TextClassifier", json);
  read("encoder", encoder);
  read("head", options.head);
  read("head_dropout", options.head_dropout);
  read.finish();
  options.encoder = sentence_encoder_options_from_json(encoder);
  return options;
}

/// Every size that a network is made of stands in a shape of the file: numbers that promise more
/// than the file has are refused before memory is taken for them.
void check_shapes(const models::SafeTensors& file, const TextClassifierOptions& options) {
  const SentenceEncoderOptions& sizes = options.encoder;
  const std::map<std::string, std::vector<int64_t>> expected = {
      {"encoder.word.weight", {sizes.words + 1, sizes.width}},
      {"encoder.ngram.weight", {sizes.buckets, sizes.width}},
      {"encoder.lstm.weight_hh_l0", {4 * sizes.hidden, sizes.hidden}},
      {"encoder.attention.first.weight", {sizes.attention_hidden, 2 * sizes.hidden}},
      {"encoder.attention.second.weight", {sizes.hops, sizes.attention_hidden}},
      {"hidden.weight", {options.head, sizes.hops * 2 * sizes.hidden}},
      {"scores.weight", {options.classes, options.head}},
  };
  models::check_shapes(file, expected);
}

TextModel model_of(const std::filesystem::path& path, const models::SafeTensors& file) {
  const auto text = [&](const char* key) { return models::metadata_of(path, file, key); };
  const auto json = [&](const char* key) { return nlohmann::json::parse(text(key)); };
  models::check_format(path, file);
  models::check_task(path, file, kTask);
  const std::string architecture = text("architecture");
  TORCH_CHECK_VALUE(architecture == kArchitecture,
                    "expected architecture ",
                    kArchitecture,
                    ", got ",
                    architecture);
  TextModel model{vocabulary_from_json(json("vocabulary")),
                  json("classes").get<std::vector<std::string>>(),
                  json("card"),
                  nullptr};
  TextClassifierOptions options = options_from_json(json("options"));
  options.classes = static_cast<int64_t>(model.classes.size());
  TORCH_CHECK_VALUE(options.encoder.words == model.vocabulary.size() &&
                        options.encoder.buckets == model.vocabulary.buckets(),
                    "options and vocabulary disagree");
  check_shapes(file, options);
  model.network = TextClassifier(options);
  return model;
}

}  // namespace

void save_text_model(const std::filesystem::path& path, const TextModel& model) {
  models::SafeTensors file;
  file.tensors = models::tensors_of(*model.network);
  file.metadata = {
      {"pointattn", models::kModelFormat},
      {"architecture", kArchitecture},
      {"task", kTask},
      {"options", json_of(model.network->options()).dump()},
      {"vocabulary", to_json(model.vocabulary).dump()},
      {"classes", nlohmann::json(model.classes).dump()},
      {"card", model.card.dump()},
  };
  models::write_safetensors(path, file);
}

TextModel load_text_model(const std::filesystem::path& path) {
  const models::SafeTensors file = models::read_safetensors(path);
  TextModel model;
  models::read_metadata(path, [&] { model = model_of(path, file); });
  models::fill_module(path, *model.network, file.tensors);
  model.network->eval();
  return model;
}

}  // namespace pointattn::text
