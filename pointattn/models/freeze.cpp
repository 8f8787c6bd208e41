// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/network.h"

namespace pointattn::models {

void freeze(Network& network, nn::Precision precision) {
  network.eval();
  for (const auto& module : network.modules()) {
    if (auto* layer = dynamic_cast<nn::Freezable*>(module.get())) layer->freeze(precision);
  }
}

}  // namespace pointattn::models
