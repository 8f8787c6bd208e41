// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/model_file.h"

#include "pointattn/models/safetensors.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

constexpr const char* kFormat = "1";

std::map<std::string, at::Tensor> tensors_of(const Network& network) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : network.named_parameters()) tensors[entry.key()] = entry.value();
  for (const auto& entry : network.named_buffers()) tensors[entry.key()] = entry.value();
  return tensors;
}

std::string text_of(const std::string& path, const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  TORCH_CHECK(found != file.metadata.end(),
              path,
              ": expected a pointattn model, got a safetensors file without '",
              key,
              "'");
  return found->second;
}

ModelSpec spec_of(const std::string& path, const SafeTensors& file) {
  const std::string format = text_of(path, file, "pointattn");
  TORCH_CHECK(format == kFormat, path, ": expected model format ", kFormat, ", got ", format);
  ModelSpec spec;
  spec.architecture = text_of(path, file, "architecture");
  spec.task = task_from(text_of(path, file, "task"));
  spec.options = nlohmann::json::parse(text_of(path, file, "options"));
  spec.labels = label_map_from_json(nlohmann::json::parse(text_of(path, file, "labels")));
  return spec;
}

void fill(const std::string& path, const Network& network, const SafeTensors& file) {
  const at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> wanted = tensors_of(network);
  for (const auto& [name, tensor] : file.tensors) {
    TORCH_CHECK(
        wanted.count(name) == 1, path, ": tensor '", name, "' does not belong to the network");
  }
  for (const auto& [name, tensor] : wanted) {
    const auto found = file.tensors.find(name);
    TORCH_CHECK(found != file.tensors.end(), path, ": tensor '", name, "' is missing");
    TORCH_CHECK(found->second.sizes() == tensor.sizes(),
                path,
                ": tensor '",
                name,
                "': expected shape ",
                tensor.sizes(),
                ", got ",
                found->second.sizes());
    at::Tensor(tensor).copy_(found->second);
  }
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
    model.spec = spec_of(path.string(), file);
    model.card = nlohmann::json::parse(text_of(path.string(), file, "card"));
    model.network = make_network(model.spec);
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK(false, path.string(), ": bad model metadata: ", error.what());
  } catch (const c10::ValueError& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
  fill(path.string(), *model.network, file);
  model.network->eval();
  return model;
}

}  // namespace pointattn::models
