// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/model_file.h"

#include "pointattn/models/module_tensors.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

ModelSpec spec_of(const std::filesystem::path& path, const SafeTensors& file) {
  check_format(path, file);
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
      {"pointattn", kModelFormat},
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
  read_metadata(path, [&] {
    model.spec = spec_of(path, file);
    model.card = nlohmann::json::parse(metadata_of(path, file, "card"));
    model.network = make_network(model.spec);
  });
  fill_module(path, *model.network, file.tensors);
  model.network->eval();
  return model;
}

}  // namespace pointattn::models
