// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/module_tensors.h"
#include "pointattn/models/pickle.h"
#include "pointattn/models/public_names.h"
#include "pointattn/models/torch_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

namespace pointattn::models {
namespace {

/// DataParallel puts this before every name.
constexpr const char* kParallel = "module.";

StateDict without_prefix(const StateDict& state) {
  const std::string prefix = kParallel;
  StateDict plain;
  for (const auto& [name, tensor] : state) {
    if (!name.starts_with(prefix)) return state;
    plain[name.substr(prefix.size())] = tensor;
  }
  return plain;
}

/// The tensor under the first of its names that the file has, undefined when it has none. A file
/// that keeps shared tensors once may lack the others.
at::Tensor find(const PublicTensor& wanted, const StateDict& state) {
  at::Tensor found;
  for (const std::string& name : wanted.names) {
    const auto entry = state.find(name);
    if (entry == state.end()) continue;
    TORCH_CHECK_VALUE(!found.defined() || found.equal(entry->second),
                      "tensors '",
                      wanted.names.front(),
                      "' and '",
                      name,
                      "' are one in the public network, here they differ");
    found = entry->second;
  }
  return found;
}

void check_present(const PublicNetwork& table, const StateDict& state) {
  std::string first;
  size_t missing = 0;
  for (const PublicTensor& wanted : table.tensors) {
    if (find(wanted, state).defined()) continue;
    if (missing++ == 0) first = wanted.names.front();
  }
  TORCH_CHECK_VALUE(missing == 0,
                    "tensor '",
                    first,
                    "' is missing",
                    missing > 1 ? " and " + std::to_string(missing - 1) + " more" : "",
                    "; expected the names of ",
                    table.source);
}

void check_known(const PublicNetwork& table, const StateDict& state) {
  std::set<std::string> known(table.counters.begin(), table.counters.end());
  for (const PublicTensor& tensor : table.tensors) {
    known.insert(tensor.names.begin(), tensor.names.end());
  }
  for (const auto& [name, tensor] : state) {
    TORCH_CHECK_VALUE(known.count(name) == 1,
                      "tensor '",
                      one_line(name),
                      "' does not belong to the network of ",
                      table.source);
  }
}

/// Size of a dimension of a tensor that gives the number of outputs.
int64_t count_of(const StateDict& state, const std::string& name, int64_t dimension) {
  const at::Tensor& tensor = state.at(name);
  TORCH_CHECK_VALUE(tensor.dim() > dimension && tensor.size(dimension) > 0,
                    "tensor '",
                    name,
                    "': expected at least one class, got shape ",
                    tensor.sizes());
  return tensor.size(dimension);
}

LabelMap generated_labels(int64_t categories, int64_t parts) {
  TORCH_CHECK_VALUE(parts == 0 || categories == 1,
                    "expected labels that say which of its ",
                    parts,
                    " parts belong to which of its ",
                    categories,
                    " categories, got none");
  LabelMap labels;
  for (int64_t c = 0; c < categories; ++c) {
    labels.categories.push_back({"class " + std::to_string(c), 0, {}});
  }
  for (int64_t p = 0; p < parts; ++p) labels.categories[0].add("part " + std::to_string(p));
  return labels;
}

LabelMap labels_for(const PublicNetwork& table,
                    const StateDict& state,
                    const std::optional<LabelMap>& given) {
  const bool segment = table.task == Task::kSegment;
  const int64_t outputs = count_of(state, table.outputs, 0);
  const int64_t parts = segment ? outputs : 0;
  int64_t categories = outputs;
  if (segment && table.categories.empty()) {
    categories = given ? given->num_categories() : 1;
  } else if (segment) {
    categories = count_of(state, table.categories, 1);
  }
  if (!given) return generated_labels(categories, parts);
  TORCH_CHECK_VALUE(
      given->num_categories() == categories && (!segment || given->num_parts() == parts),
      "expected labels for ",
      categories,
      segment ? " categories and " + std::to_string(parts) + " parts" : " categories",
      ", got ",
      given->num_categories(),
      segment ? " and " + std::to_string(given->num_parts()) : "");
  return *given;
}

std::vector<int64_t> public_shape(const PublicTensor& tensor, at::IntArrayRef own) {
  std::vector<int64_t> shape = own.vec();
  shape.insert(shape.end(), static_cast<size_t>(tensor.ones), 1);
  return shape;
}

/// Calls work(entry of the table, tensor of the network) for each tensor that has public names;
/// gives those that must be zero.
template <typename Work>
std::vector<at::Tensor> for_each_tensor(const PublicNetwork& table,
                                        const Network& network,
                                        const Work& work) {
  std::map<std::string, at::Tensor> own = tensors_of(network);
  const auto take = [&](const std::string& name) {
    const auto node = own.extract(name);
    TORCH_INTERNAL_ASSERT(!node.empty(), name);
    return node.mapped();
  };
  for (const PublicTensor& entry : table.tensors) work(entry, take(entry.own));
  std::vector<at::Tensor> zeros;
  for (const std::string& name : table.zeros) zeros.push_back(take(name));
  TORCH_CHECK_VALUE(own.empty(),
                    "tensor '",
                    own.empty() ? "" : own.begin()->first,
                    "' has no public name in ",
                    table.source);
  return zeros;
}

void fill(const PublicNetwork& table, const StateDict& state, const Network& network) {
  const at::NoGradGuard no_grad;
  const auto copy = [&](const PublicTensor& entry, at::Tensor tensor) {
    const at::Tensor given = find(entry, state);
    const std::vector<int64_t> shape = public_shape(entry, tensor.sizes());
    TORCH_CHECK_VALUE(given.sizes() == at::IntArrayRef(shape) && given.is_floating_point(),
                      "tensor '",
                      entry.names.front(),
                      "': expected shape ",
                      at::IntArrayRef(shape),
                      ", got ",
                      given.sizes(),
                      given.is_floating_point() ? "" : " of whole numbers");
    tensor.copy_(given.reshape(tensor.sizes()));
  };
  for (at::Tensor& tensor : for_each_tensor(table, network, copy)) tensor.zero_();
}

}  // namespace

Model import_model(const std::filesystem::path& path, const ImportOptions& options) {
  const PublicNetwork& table = public_network(options.architecture, options.task);
  const StateDict state = without_prefix(read_state_dict(path));
  Model model;
  read_metadata(path, [&] {
    check_present(table, state);
    check_known(table, state);
    const LabelMap labels = labels_for(table, state, options.labels);
    model.spec = {options.architecture, options.task, options.network, labels};
    model.card = {{"imported", path.filename().string()}, {"names", table.source}};
    model.network = make_network(model.spec);
    fill(table, state, *model.network);
  });
  model.network->eval();
  return model;
}

SafeTensors public_tensors(const Model& model) {
  const PublicNetwork& table = public_network(model.spec.architecture, model.spec.task);
  SafeTensors file;
  const auto add = [&](const PublicTensor& entry, const at::Tensor& tensor) {
    const at::Tensor shaped = tensor.detach().reshape(public_shape(entry, tensor.sizes()));
    for (const std::string& name : entry.names) file.tensors[name] = shaped;
  };
  for (const at::Tensor& tensor : for_each_tensor(table, *model.network, add)) {
    TORCH_CHECK_VALUE(!tensor.any().item<bool>(),
                      "the network has weights of the category, for which ",
                      table.source,
                      " has no names");
  }
  for (const std::string& counter : table.counters) {
    file.tensors[counter] = at::zeros({}, at::kLong);
  }
  file.metadata["format"] = "pt";
  return file;
}

}  // namespace pointattn::models
