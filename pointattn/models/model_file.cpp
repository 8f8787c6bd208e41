// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/model_file.h"

#include "pointattn/models/module_tensors.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

constexpr const char* kFormat = "1";

ModelSpec spec_of(const std::filesystem::path& path, const SafeTensors& file) {
  const std::string format = metadata_of(path, file, "pointattn");
  TORCH_CHECK(
      format == kFormat, path.string(), ": expected model format ", kFormat, ", got ", format);
  ModelSpec spec;
  spec.architecture = metadata_of(path, file, "architecture");
  spec.task = task_from(metadata_of(path, file, "task"));
  spec.options = nlohmann::json::parse(metadata_of(path, file, "options"));
  spec.labels = label_map_from_json(nlohmann::json::parse(metadata_of(path, file, "labels")));
  return spec;
}

}  // namespace

void save_model(const std::filesystem::path& path, const Model& model) {
  SafeTensors file;
  file.tensors = tensors_of(*model.network);
  file.metadata = {
      {"pointattn", kFormat},
      {"architecture", model.spec.architecture},
      {"task", to_string(model.spec.task)},
      {"options", model.spec.options.dump()},
      {"labels", to_json(model.spec.labels).dump()},
      {"card", model.card.dump()},
  };
  write_safetensors(path, file);
}

Model load_model(const std::filesystem::path& path) {
  const SafeTensors file = read_safetensors(path);
  Model model;
  try {
    model.spec = spec_of(path, file);
    model.card = nlohmann::json::parse(metadata_of(path, file, "card"));
    model.network = make_network(model.spec);
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK(false, path.string(), ": bad model metadata: ", error.what());
  } catch (const c10::ValueError& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
  fill_module(path, *model.network, file.tensors);
  model.network->eval();
  return model;
}

}  // namespace pointattn::models
