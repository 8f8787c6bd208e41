// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/retrieval/encoder.h"
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

/// The points that the network saw of a shape, the same with colours and the fields attention_1 …
/// attention_R: the weight of each point in each part.
io::Cloud attention_cloud(const retrieval::ShapeEmbedding& shape);

}  // namespace pointattn::apps
