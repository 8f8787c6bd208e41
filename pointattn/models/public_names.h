// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/model_file.h"
#include "pointattn/models/safetensors.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Weights of the public PyTorch code of a network, from and to its own names and shapes.
namespace pointattn::models {

/// How one tensor of a network here stands in the public state dictionary.
struct PublicTensor {
  std::string own;  ///< name in the network here
  std::vector<std::string>
      names;         ///< public names, two where the public code has two for one tensor
  int64_t ones = 0;  ///< dimensions of 1 behind the shape: 2 of a Conv2d's kernel
};

/// One network and task.
struct PublicNetwork {
  std::string architecture;
  Task task = Task::kClassify;
  std::string source;                 ///< the public repository
  std::vector<PublicTensor> tensors;  ///< every tensor of the network but `zeros`
  std::vector<std::string> zeros;     ///< tensors here, by their own names, whose zeros make the
                                      ///< network here the public one
  std::vector<std::string> counters;  ///< num_batches_tracked of the batch norms, of no use here
  std::string outputs;                ///< public tensor [classes or parts, …]
  std::string categories;             ///< public tensor [·, categories, …]; "": it takes none
};

/// Collects the table of a network.
class PublicNames {
 public:
  PublicNames(std::string architecture, Task task, std::string source);

  /// Linear layer `own` from the kernel `name`, of a convolution over `dimensions` (0: Linear).
  PublicNames& linear(const std::string& own,
                      const std::string& name,
                      int64_t dimensions,
                      bool bias);
  /// Batch norm, that may have two names.
  PublicNames& norm(const std::string& own, const std::vector<std::string>& names);
  /// nn::SharedMlp `own`: its Linear and its batch norm.
  PublicNames& layer(const std::string& own,
                     const std::string& kernel,
                     const std::vector<std::string>& norms,
                     int64_t dimensions,
                     bool bias = false);
  PublicNames& tensor(PublicTensor tensor);
  /// A tensor that the public network lacks and that does nothing when it is zero.
  PublicNames& zero(const std::string& own);
  PublicNetwork finish(const std::string& outputs, const std::string& categories = "");

 private:
  PublicNetwork network_;
};

/// Every table. Adding one: its own file and one line in public_names.cpp.
const std::vector<PublicNetwork>& public_networks();

/// The table for a network and task; throws c10::ValueError that names those that have one.
const PublicNetwork& public_network(const std::string& architecture, Task task);

struct ImportOptions {
  std::string architecture;
  Task task = Task::kClassify;
  nlohmann::json network = nlohmann::json::object();  ///< options of the network
  std::optional<LabelMap> labels;  ///< without them classes are called "class 0", "class 1" …
};

/// Reads a public state dictionary (read_state_dict()) into a network. The number of classes, or of
/// parts and categories, is that of the file. Names may begin with DataParallel's "module.". Throws
/// c10::Error with the path and, first of all that is wrong, the public name of a tensor that is
/// missing, unknown or of another shape, or whose two names have different numbers; c10::ValueError
/// for options that do not fit the file.
Model import_model(const std::filesystem::path& path, const ImportOptions& options);

/// The weights of a model under their public names, each twice where it has two, counters as 0:
/// what the public network's load_state_dict(strict=True) takes. Throws c10::ValueError for a
/// network without a table, or with tensors that have no public name (a non-local block, weights of
/// the category where the public network takes none).
SafeTensors public_tensors(const Model& model);

PublicNetwork public_names_of_pct(Task task);
PublicNetwork public_names_of_dgcnn(Task task);
PublicNetwork public_names_of_point_transformer();

}  // namespace pointattn::models
