// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/retrieval/part_names.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace pointattn::apps {

/// Points [n,3] with the part of each, int64 [n] rows of `part_names`, as `segment` leaves a cloud:
/// field `label`, places in `table`, and comments that name them with their colours.
io::Cloud part_cloud(const at::Tensor& xyz,
                     const at::Tensor& part,
                     const std::vector<std::string>& part_names,
                     retrieval::PartTable& table);

/// The same with colours and the fields attention_1 … attention_R of `attention` [n,R]; each point
/// belongs to the part that attends to it most.
io::Cloud attention_cloud(const at::Tensor& xyz,
                          const at::Tensor& attention,
                          const std::vector<std::string>& part_names);

}  // namespace pointattn::apps
