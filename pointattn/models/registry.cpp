// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/dgcnn.h"
#include "pointattn/models/network.h"
#include "pointattn/models/options.h"
#include "pointattn/models/pct.h"
#include "pointattn/models/pct_unet.h"
#include "pointattn/models/point_transformer.h"
#include "pointattn/models/pointnet2.h"
#include "pointattn/models/pvnet.h"
#include "pointattn/models/rscnn.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

namespace pointattn::models {
namespace {

constexpr const char* kPct = "Guo et al., PCT: Point cloud transformer, CVM 2021";
constexpr const char* kRscnn =
    "Liu et al., Relation-shape convolutional neural network for point cloud analysis, CVPR 2019";

/// Takes the options that every network has out of `json`.
std::optional<nn::NonLocalOptions> take_non_local(nlohmann::json& json) {
  std::string kind;
  nn::NonLocalOptions options;
  nlohmann::json own = nlohmann::json::object();
  for (const char* key : {"non_local", "non_local_keys"}) {
    if (!json.is_object() || !json.contains(key)) continue;
    own[key] = json.at(key);
    json.erase(key);
  }
  OptionReader read("network", own);
  read("non_local", kind);
  read("non_local_keys", options.keys);
  if (kind.empty()) return std::nullopt;
  options.kind = nn::non_local_kind(kind);
  return options;
}

}  // namespace

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> all = {
      {"pct",
       "Point Cloud Transformer: offset attention",
       kPct,
       {Task::kClassify, Task::kSegment},
       make_pct},
      {"npct",
       "naive PCT: point embedding, plain self-attention",
       kPct,
       {Task::kClassify, Task::kSegment},
       make_npct},
      {"spct",
       "simple PCT: point embedding, offset attention",
       kPct,
       {Task::kClassify, Task::kSegment},
       make_spct},
      {"pct_unet",
       "offset attention in a U of local layers, for small data sets",
       "this project",
       {Task::kSegment},
       make_pct_unet},
      {"point_transformer",
       "Point Transformer: a U-Net of vector attention over neighbours",
       "Zhao et al., Point Transformer, ICCV 2021",
       {Task::kClassify, Task::kSegment},
       make_point_transformer},
      {"pointnet2",
       "PointNet++, single-scale grouping",
       "Qi et al., PointNet++: Deep hierarchical feature learning on point sets in a metric space, "
       "NeurIPS 2017",
       {Task::kClassify, Task::kSegment},
       make_pointnet2},
      {"rscnn_ssn",
       "relation-shape CNN, single-scale neighbourhoods",
       kRscnn,
       {Task::kClassify},
       make_rscnn_ssn},
      {"rscnn_msn",
       "relation-shape CNN, neighbourhoods of three scales",
       kRscnn,
       {Task::kSegment},
       make_rscnn_msn},
      {"dgcnn",
       "Dynamic Graph CNN: edge convolutions over neighbours in feature space",
       "Wang et al., Dynamic graph CNN for learning on point clouds, TOG 2019",
       {Task::kClassify, Task::kSegment},
       make_dgcnn},
      {"pvnet",
       "views of the cloud gate the features of its points",
       "You et al., PVNet: A joint convolutional network of point cloud and multi-view for 3D "
       "shape recognition, ACM MM 2018",
       {Task::kClassify},
       make_pvnet},
  };
  return all;
}

std::shared_ptr<Network> make_network(const ModelSpec& spec) {
  std::string known;
  for (const Architecture& entry : architectures()) {
    known += (known.empty() ? "" : ", ") + entry.name;
    if (entry.name != spec.architecture) continue;
    TORCH_CHECK_VALUE(
        std::find(entry.tasks.begin(), entry.tasks.end(), spec.task) != entry.tasks.end(),
        "architecture ",
        entry.name,
        " does not ",
        to_string(spec.task));
    ModelSpec own = spec;
    const std::optional<nn::NonLocalOptions> non_local = take_non_local(own.options);
    const std::shared_ptr<Network> network = entry.make(own);
    if (non_local) network->insert_non_local(*non_local);
    return network;
  }
  TORCH_CHECK_VALUE(false, "unknown architecture '", spec.architecture, "'; known: ", known);
}

}  // namespace pointattn::models
