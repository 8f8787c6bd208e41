// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/network.h"
#include "pointattn/nn/frozen_linear.h"

namespace pointattn::models {

void freeze(Network& network) {
  network.eval();
  for (const auto& module : network.modules()) {
    if (auto* layer = dynamic_cast<nn::Freezable*>(module.get())) layer->freeze();
  }
}

}  // namespace pointattn::models
