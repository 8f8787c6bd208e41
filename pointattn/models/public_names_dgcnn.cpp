// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/public_names.h"

namespace pointattn::models {
namespace {

constexpr const char* kSource = "AnTao97/dgcnn.pytorch";

/// Layer number `i` of the public code, a convolution followed by a batch norm: the norm is a member
/// of the network too.
void numbered(PublicNames& names,
              const std::string& own,
              const std::string& before,
              int i,
              int64_t dimensions) {
  const std::string conv = before + "conv" + std::to_string(i);
  const std::string norm = before + "bn" + std::to_string(i);
  names.layer(own, conv + ".0", {norm, conv + ".1"}, dimensions);
}

PublicNetwork classifier() {
  PublicNames names("dgcnn", Task::kClassify, kSource);
  for (int i = 1; i <= 4; ++i) {
    numbered(names, "edge" + std::to_string(i) + ".first", "", i, 2);
  }
  numbered(names, "fuse", "", 5, 1);
  return names.layer("head.first", "linear1", {"bn6"}, 0)
      .layer("head.second", "linear2", {"bn7"}, 0, /*bias=*/true)
      .linear("head.scores", "linear3", 0, /*bias=*/true)
      .finish("linear3.weight");
}

/// The third norm of the public spatial transform has one name only: "bn3" is given twice there, and
/// the second holder, behind linear1, keeps it.
void transform(PublicNames& names) {
  const std::string net = "transform_net.";
  numbered(names, "transform.edge.first", net, 1, 2);
  numbered(names, "transform.edge.second", net, 2, 2);
  names.layer("transform.fuse", net + "conv3.0", {net + "conv3.1"}, 1)
      .layer("transform.first", net + "linear1", {net + "bn3"}, 0)
      .layer("transform.second", net + "linear2", {net + "bn4"}, 0)
      .linear("transform.matrix", net + "transform", 0, /*bias=*/true);
}

PublicNetwork segmenter() {
  PublicNames names("dgcnn", Task::kSegment, kSource);
  transform(names);
  const char* edges[] = {
      "edge1.first", "edge1.second", "edge2.first", "edge2.second", "edge3.first"};
  const char* shared[] = {"fuse", "label", "head1", "head2", "head3"};
  for (int i = 0; i < 5; ++i) {
    numbered(names, edges[i], "", i + 1, 2);
    numbered(names, shared[i], "", i + 6, 1);
  }
  return names.linear("scores", "conv11", 1, /*bias=*/false)
      .finish("conv11.weight", "conv7.0.weight");
}

}  // namespace

PublicNetwork public_names_of_dgcnn(Task task) {
  return task == Task::kClassify ? classifier() : segmenter();
}

}  // namespace pointattn::models
