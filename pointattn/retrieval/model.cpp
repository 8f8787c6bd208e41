// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/model.h"

#include "pointattn/models/module_tensors.h"

#include <ATen/ATen.h>

#include <cstdio>

namespace pointattn::retrieval {
namespace {

constexpr const char* kTask = "retrieval";
constexpr int64_t kMostPoints = 65536;

/// FNV-1a over names, shapes and bytes: tells weights apart, guards nothing.
std::string fingerprint_of(const std::map<std::string, at::Tensor>& tensors) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  const auto add = [&](const void* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001B3ULL;
    }
  };
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor bytes = tensor.detach().cpu().contiguous();
    add(name.data(), name.size());
    add(bytes.sizes().data(), bytes.sizes().size() * sizeof(int64_t));
    add(bytes.const_data_ptr(), bytes.nbytes());
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

void check_sizes(const models::SafeTensors& file, const RetrievalOptions& options) {
  const ShapeEncoderOptions& shape = options.shape;
  const text::SentenceEncoderOptions& text = options.text;
  std::map<std::string, std::vector<int64_t>> expected = {
      {"shape.embed2.linear.weight", {shape.channels, shape.channels}},
      {"shape.fuse.linear.weight", {shape.features, 4 * shape.channels}},
      {"sentence.word.weight", {text.words + 1, text.width}},
      {"sentence.ngram.weight", {text.buckets, text.width}},
      {"sentence.lstm.weight_hh_l0", {4 * text.hidden, text.hidden}},
  };
  const auto heads = [&](const std::string& side, int64_t in, bool whole, bool rest) {
    if (whole) expected[side + ".whole.linear.weight"] = {options.width, in};
    if (rest) expected[side + ".rest.linear.weight"] = {options.width, in};
  };
  heads("shape.head", shape.features, shape.whole, shape.parts > 0);
  heads("phrase", 2 * text.hidden, text.whole, text.hops > 0);
  if (shape.patches > 0)
    expected["shape.patch.second.linear.weight"] = {shape.channels, shape.channels};
  if (shape.parts > 0) {
    expected["shape.parts.attention.first.weight"] = {shape.hidden, shape.features};
    expected["shape.parts.attention.second.weight"] = {shape.parts, shape.hidden};
  }
  if (text.hops > 0) {
    expected["sentence.attention.first.weight"] = {text.attention_hidden, 2 * text.hidden};
    expected["sentence.attention.second.weight"] = {text.hops, text.attention_hidden};
  }
  models::check_shapes(file, expected);
}

RetrievalModel model_of(const std::filesystem::path& path, const models::SafeTensors& file) {
  const auto value = [&](const char* key) { return models::metadata_of(path, file, key); };
  models::check_format(path, file);
  models::check_task(path, file, kTask);
  RetrievalModel model;
  model.options = retrieval_options_from_json(nlohmann::json::parse(value("options")));
  check_sizes(file, model.options);
  model.points = nlohmann::json::parse(value("points")).get<int64_t>();
  TORCH_CHECK_VALUE(model.points > 0 && model.points <= kMostPoints,
                    "expected points in 1 … ",
                    kMostPoints,
                    ", got ",
                    model.points);
  model.guide = value("guide");
  model.vocabulary = std::make_shared<const text::Vocabulary>(
      text::vocabulary_from_json(nlohmann::json::parse(value("vocabulary"))));
  TORCH_CHECK_VALUE(model.options.text.words == model.vocabulary->size() &&
                        model.options.text.buckets == model.vocabulary->buckets(),
                    "expected a vocabulary of ",
                    model.options.text.words,
                    " words, got ",
                    model.vocabulary->size());
  model.card = nlohmann::json::parse(value("card"));
  return model;
}

}  // namespace

void save_retrieval_model(const std::filesystem::path& path, const RetrievalModel& model) {
  models::SafeTensors file;
  file.tensors = models::tensors_of(*model.network);
  file.metadata = {
      {"pointattn", models::kModelFormat},
      {"task", kTask},
      {"options", to_json(model.options).dump()},
      {"points", std::to_string(model.points)},
      {"guide", model.guide},
      {"vocabulary", text::to_json(*model.vocabulary).dump()},
      {"card", model.card.dump()},
  };
  models::write_safetensors(path, file);
}

RetrievalModel load_retrieval_model(const std::filesystem::path& path) {
  const models::SafeTensors file = models::read_safetensors(path);
  RetrievalModel model;
  models::read_metadata(path, [&] {
    model = model_of(path, file);
    model.network = RetrievalNetwork(model.options);
  });
  models::fill_module(path, *model.network, file.tensors);
  model.network->eval();
  model.fingerprint = fingerprint_of(file.tensors);
  return model;
}

}  // namespace pointattn::retrieval
