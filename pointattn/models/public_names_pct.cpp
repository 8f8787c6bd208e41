// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/public_names.h"

namespace pointattn::models {
namespace {

/// The four attention layers; queries and keys are one convolution under two names.
void attention(PublicNames& names, const std::string& before) {
  for (int i = 0; i < 4; ++i) {
    const std::string own = "attention." + std::to_string(i);
    const std::string layer = before + "sa" + std::to_string(i + 1);
    names.tensor({own + ".qk.weight", {layer + ".q_conv.weight", layer + ".k_conv.weight"}, 1})
        .linear(own + ".value", layer + ".v_conv", 1, /*bias=*/true)
        .layer(
            own + ".transform", layer + ".trans_conv", {layer + ".after_norm"}, 1, /*bias=*/true);
  }
}

}  // namespace

PublicNetwork public_names_of_pct(Task task) {
  const bool classify = task == Task::kClassify;
  // The released part segmentation is Jittor's; ports to PyTorch keep its names.
  PublicNames names(
      "pct", task, classify ? "Strawberry-Eat-Mango/PCT_Pytorch" : "MenghaoGuo/PCT and its ports");
  names.layer("embed1", "conv1", {"bn1"}, 1).layer("embed2", "conv2", {"bn2"}, 1);
  attention(names, classify ? "pt_last." : "");
  names.layer("fuse", "conv_fuse.0", {"conv_fuse.1"}, 1);
  if (!classify) {
    return names.layer("label", "label_conv.0", {"label_conv.1"}, 1)
        .layer("head1", "convs1", {"bns1"}, 1, /*bias=*/true)
        .layer("head2", "convs2", {"bns2"}, 1, /*bias=*/true)
        .linear("scores", "convs3", 1, /*bias=*/true)
        .finish("convs3.weight", "label_conv.0.weight");
  }
  for (const auto& [own, name] :
       {std::pair{"group1.", "gather_local_0."}, std::pair{"group2.", "gather_local_1."}}) {
    names
        .layer(
            own + std::string("first"), name + std::string("conv1"), {name + std::string("bn1")}, 1)
        .layer(own + std::string("second"),
               name + std::string("conv2"),
               {name + std::string("bn2")},
               1);
  }
  return names.layer("before1", "pt_last.conv1", {"pt_last.bn1"}, 1)
      .layer("before2", "pt_last.conv2", {"pt_last.bn2"}, 1)
      .layer("head.first", "linear1", {"bn6"}, 0)
      .layer("head.second", "linear2", {"bn7"}, 0, /*bias=*/true)
      .linear("head.scores", "linear3", 0, /*bias=*/true)
      .finish("linear3.weight");
}

}  // namespace pointattn::models
