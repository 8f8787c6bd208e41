// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/public_names.h"

#include <c10/util/Exception.h>

namespace pointattn::models {
namespace {

std::vector<std::string> with_suffix(std::vector<std::string> names, const std::string& suffix) {
  for (std::string& name : names) name += suffix;
  return names;
}

}  // namespace

PublicNames::PublicNames(std::string architecture, Task task, std::string source) {
  network_.architecture = std::move(architecture);
  network_.task = task;
  network_.source = std::move(source);
}

PublicNames& PublicNames::tensor(PublicTensor tensor) {
  network_.tensors.push_back(std::move(tensor));
  return *this;
}

PublicNames& PublicNames::zero(const std::string& own) {
  network_.zeros.push_back(own);
  return *this;
}

PublicNames& PublicNames::linear(const std::string& own,
                                 const std::string& name,
                                 int64_t dimensions,
                                 bool bias) {
  tensor({own + ".weight", {name + ".weight"}, dimensions});
  if (bias) tensor({own + ".bias", {name + ".bias"}});
  return *this;
}

PublicNames& PublicNames::norm(const std::string& own, const std::vector<std::string>& names) {
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
    tensor({own + part, with_suffix(names, part)});
  }
  for (const std::string& counter : with_suffix(names, ".num_batches_tracked")) {
    network_.counters.push_back(counter);
  }
  return *this;
}

PublicNames& PublicNames::layer(const std::string& own,
                                const std::string& kernel,
                                const std::vector<std::string>& norms,
                                int64_t dimensions,
                                bool bias) {
  return linear(own + ".linear", kernel, dimensions, bias).norm(own + ".norm", norms);
}

PublicNetwork PublicNames::finish(const std::string& outputs, const std::string& categories) {
  network_.outputs = outputs;
  network_.categories = categories;
  return std::move(network_);
}

const std::vector<PublicNetwork>& public_networks() {
  static const std::vector<PublicNetwork> all = {
      public_names_of_pct(Task::kClassify),
      public_names_of_pct(Task::kSegment),
      public_names_of_dgcnn(Task::kClassify),
      public_names_of_dgcnn(Task::kSegment),
      public_names_of_point_transformer(),
  };
  return all;
}

const PublicNetwork& public_network(const std::string& architecture, Task task) {
  std::string known;
  for (const PublicNetwork& network : public_networks()) {
    if (network.architecture == architecture && network.task == task) return network;
    known += (known.empty() ? "" : ", ") + network.architecture + " (" + to_string(network.task) +
             ", " + network.source + ")";
  }
  TORCH_CHECK_VALUE(
      false, architecture, " (", to_string(task), ") has no public names; known: ", known);
}

}  // namespace pointattn::models
