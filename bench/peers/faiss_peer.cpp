// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>

#include "bench/peers/neighbor_peers.h"
#include <faiss/IndexFlat.h>

namespace pointattn::bench {

NeighborPeer faiss_peer() {
  const auto knn =
      [](const at::Tensor& query, const at::Tensor& points, const ops::Neighbors& out) {
        faiss::IndexFlatL2 index(3);
        index.add(points.size(0), points.const_data_ptr<float>());
        index.search(query.size(0),
                     query.const_data_ptr<float>(),
                     out.index.size(1),
                     out.sq_dist.mutable_data_ptr<float>(),
                     out.index.mutable_data_ptr<int64_t>());
      };
  return {"FAISS", knn, {}, {}, {}, 16384};
}

}  // namespace pointattn::bench
