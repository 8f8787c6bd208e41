// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/public_names.h"

namespace pointattn::models {
namespace {

/// A residual block of vector attention, of the same name here and there.
void block(PublicNames& names, const std::string& name) {
  const std::string own = name + ".attention.";
  const std::string attention = name + ".transformer2.";
  names.layer(name + ".linear1", name + ".linear1", {name + ".bn1"}, 0);
  for (const char* projection : {"linear_q", "linear_k", "linear_v"}) {
    names.linear(own + projection, attention + projection, 0, /*bias=*/true);
  }
  const std::string position = attention + "linear_p.";
  const std::string weight = attention + "linear_w.";
  names.layer(own + "position_in", position + "0", {position + "1"}, 0, /*bias=*/true)
      .linear(own + "position_out", position + "3", 0, /*bias=*/true)
      .norm(own + "relation_norm", {weight + "0"})
      .layer(own + "hidden", weight + "2", {weight + "3"}, 0, /*bias=*/true)
      .linear(own + "logits", weight + "5", 0, /*bias=*/true)
      .norm(name + ".norm2", {name + ".bn2"})
      .layer(name + ".linear3", name + ".linear3", {name + ".bn3"}, 0);
}

void encoder(PublicNames& names) {
  const int blocks[] = {1, 2, 3, 5, 2};
  for (int level = 0; level < 5; ++level) {
    const std::string stage = "enc" + std::to_string(level + 1) + ".";
    names.layer(stage + "0", stage + "0.linear", {stage + "0.bn"}, 0);
    for (int b = 1; b <= blocks[level]; ++b) block(names, stage + std::to_string(b));
  }
}

void decoder(PublicNames& names) {
  for (int level = 1; level <= 5; ++level) {
    const std::string stage = "dec" + std::to_string(level) + ".";
    const std::string first = stage + "0.linear1";
    const std::string second = stage + "0.linear2";
    names.layer(first, first + ".0", {first + ".1"}, 0, /*bias=*/true);
    if (level == 5) {
      names.linear(second, second + ".0", 0, /*bias=*/true).zero(stage + "0.category.weight");
    } else {
      names.layer(second, second + ".0", {second + ".1"}, 0, /*bias=*/true);
    }
    block(names, stage + "1");
  }
}

}  // namespace

PublicNetwork public_names_of_point_transformer() {
  PublicNames names("point_transformer", Task::kSegment, "POSTECH-CVLab/point-transformer");
  encoder(names);
  decoder(names);
  return names.layer("cls.hidden", "cls.0", {"cls.1"}, 0, /*bias=*/true)
      .linear("cls.scores", "cls.3", 0, /*bias=*/true)
      .finish("cls.3.weight");
}

}  // namespace pointattn::models
