// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/neighbor_peers.h"

namespace pointattn::bench {

std::vector<NeighborPeer> neighbor_peers() {
  return {
#if defined(POINTATTN_BENCH_NANOFLANN)
    nanoflann_peer(),
#endif
#if defined(POINTATTN_BENCH_PCL)
        pcl_peer(),
#endif
#if defined(POINTATTN_BENCH_OPEN3D)
        open3d_peer(),
#endif
#if defined(POINTATTN_BENCH_FAISS)
        faiss_peer(),
#endif
  };
}

}  // namespace pointattn::bench
