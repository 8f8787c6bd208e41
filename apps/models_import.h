// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/cli.h"

/// Weights of the public PyTorch code of a network.
namespace pointattn::apps {

/// `models import`: a PyTorch state dictionary becomes a model file.
Subcommand add_models_import(CLI::App& parent);

/// `models export`: the weights of a model file under their public names.
Subcommand add_models_export(CLI::App& parent);

}  // namespace pointattn::apps
