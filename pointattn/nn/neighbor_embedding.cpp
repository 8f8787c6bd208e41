// SPDX-License-Identifier: Apache-2.0
#include "pointattn/nn/neighbor_embedding.h"

#include "pointattn/ops/gather.h"

#include <ATen/ATen.h>

namespace pointattn::nn {
NeighborEmbeddingImpl::NeighborEmbeddingImpl(int64_t in,
                                             int64_t out,
                                             int64_t neighbors,
                                             bool relative)
    : in_(in), out_(out), neighbors_(neighbors), relative_(relative) {
  TORCH_CHECK_VALUE(neighbors > 0, "NeighborEmbedding: expected neighbors > 0, got ", neighbors);
  reset();
}

void NeighborEmbeddingImpl::reset() {
  first = register_module("first", SharedMlp(2 * in_ + (relative_ ? 3 : 0), out_));
  second = register_module("second", SharedMlp(out_, out_));
}

at::Tensor NeighborEmbeddingImpl::forward(const PointBatch& batch,
                                          const at::Tensor& feat,
                                          const Sampled& centres) {
  const at::Tensor index = nearest(centres.batch, batch, neighbors_);  // [M,k]
  // The first layer is linear, so W [f_j − f_i, f_i, x_j − x_i] splits into a term of the neighbour
  // and one of the centre. Both are computed once a point, not once a pair: k times fewer
  // multiply-adds and no [M,k,2C] tensor.
  const at::Tensor weight = first->linear->weight;  // [C_out, 2C (+3)]
  const at::Tensor w_near = weight.narrow(1, 0, in_);
  const at::Tensor w_centre = weight.narrow(1, in_, in_) - w_near;
  at::Tensor near = at::linear(feat, w_near);                                     // [N,C_out]
  at::Tensor centre = at::linear(feat.index_select(0, centres.index), w_centre);  // [M,C_out]
  if (relative_) {
    const at::Tensor w_relative = weight.narrow(1, 2 * in_, 3);
    near = near + at::linear(batch.xyz, w_relative);
    centre = centre - at::linear(centres.batch.xyz, w_relative);
  }
  const at::Tensor pairs = ops::gather(near, index) + centre.unsqueeze(1);  // [M,k,C_out]
  const at::Tensor hidden = first->norm(pairs.view({-1, out_}));
  return second(hidden).view(pairs.sizes()).amax(1);  // [M,C_out]
}

}  // namespace pointattn::nn
