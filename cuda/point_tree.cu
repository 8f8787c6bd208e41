// SPDX-License-Identifier: Apache-2.0
#include "cuda/launch.h"
#include "cuda/point_tree.h"
#include "cuda/warp_best.cuh"

namespace pointattn::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
static_assert(kFanOut == kWarp);

/// Two zeros between any two of 21 bits.
__device__ uint64_t spread(uint64_t bits) {
  bits = (bits | bits << 32) & 0x1f00000000ffffu;
  bits = (bits | bits << 16) & 0x1f0000ff0000ffu;
  bits = (bits | bits << 8) & 0x100f00f00f00f00fu;
  bits = (bits | bits << 4) & 0x10c30c30c30c30c3u;
  return (bits | bits << 2) & 0x1249249249249249u;
}

template <typename T>
__device__ uint64_t cell(T x, T low, T high) {
  constexpr double kCells = 1 << 21;
  const double extent = static_cast<double>(high) - static_cast<double>(low);
  if (!(extent > 0)) return 0;
  const double at = (static_cast<double>(x) - static_cast<double>(low)) / extent * kCells;
  return static_cast<uint64_t>(at < 0 ? 0 : at > kCells - 1 ? kCells - 1 : at);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    morton_kernel(const T* xyz, int64_t n, const T* low, const T* high, int64_t* code) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n; i += stride) {
    uint64_t bits = 0;
    for (int axis = 0; axis < 3; ++axis)
      bits |= spread(cell(xyz[3 * i + axis], low[axis], high[axis])) << axis;
    code[i] = static_cast<int64_t>(bits);
  }
}

template <typename T>
struct Box {
  T low[3], high[3];
  int32_t least_row;
};

/// The box around those of all lanes.
template <typename T>
__device__ Box<T> around(Box<T> own) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    for (int axis = 0; axis < 3; ++axis) {
      const T low = __shfl_xor_sync(kWholeWarp, own.low[axis], step);
      const T high = __shfl_xor_sync(kWholeWarp, own.high[axis], step);
      if (low < own.low[axis]) own.low[axis] = low;
      if (high > own.high[axis]) own.high[axis] = high;
    }
    const int32_t row = __shfl_xor_sync(kWholeWarp, own.least_row, step);
    if (row < own.least_row) own.least_row = row;
  }
  return own;
}

template <typename T>
__device__ Box<T> no_box() {
  const T inf = static_cast<T>(INFINITY);
  return {{inf, inf, inf}, {-inf, -inf, -inf}, kNoRow};
}

template <typename T>
__device__ void store_box(const PointTree<T>& tree, int64_t node, const Box<T>& box) {
  const int64_t nodes = tree.levels.begin[tree.levels.count];
  for (int axis = 0; axis < 3; ++axis) {
    tree.box[axis * nodes + node] = box.low[axis];
    tree.box[(3 + axis) * nodes + node] = box.high[axis];
  }
  tree.least_row[node] = box.least_row;
}

template <typename T>
__device__ Box<T> load_box(const PointTree<T>& tree, int64_t node) {
  const int64_t nodes = tree.levels.begin[tree.levels.count];
  Box<T> box;
  for (int axis = 0; axis < 3; ++axis) {
    box.low[axis] = tree.box[axis * nodes + node];
    box.high[axis] = tree.box[(3 + axis) * nodes + node];
  }
  box.least_row = tree.least_row[node];
  return box;
}

/// One warp a leaf.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    leaves_kernel(const PointTree<T> tree, const T* xyz, const int64_t* order) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t leaves = tree.levels.begin[1];
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t leaf = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
       leaf < leaves;
       leaf += stride) {
    const int64_t place = leaf * kFanOut + lane;
    Box<T> own = no_box<T>();
    if (place < tree.points) {
      own.least_row = static_cast<int32_t>(order[place]);
      for (int axis = 0; axis < 3; ++axis)
        own.low[axis] = own.high[axis] = xyz[3 * order[place] + axis];
    }
    // A point that is not there lies at +infinity.
    for (int axis = 0; axis < 3; ++axis) tree.xyz[axis * leaves * kFanOut + place] = own.low[axis];
    tree.row[place] = own.least_row;
    own = around(own);
    if (lane == 0) store_box(tree, leaf, own);
  }
}

/// One warp a node of `level`.
template <typename T>
__global__ void __launch_bounds__(kThreads) nodes_kernel(const PointTree<T> tree, int level) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t below = tree.levels.begin[level] - tree.levels.begin[level - 1];
  const int64_t nodes = tree.levels.begin[level + 1] - tree.levels.begin[level];
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp; i < nodes;
       i += stride) {
    const int64_t child = i * kFanOut + lane;
    Box<T> own = child < below ? load_box(tree, tree.levels.begin[level - 1] + child) : no_box<T>();
    own = around(own);
    if (lane == 0) store_box(tree, tree.levels.begin[level] + i, own);
  }
}

/// No point of the box is nearer than this: every operation rounds the same way for both.
template <typename T>
__device__ T distance_to(const Box<T>& box, const T* query) {
  T d[3];
  for (int axis = 0; axis < 3; ++axis) {
    const T below = box.low[axis] - query[axis];
    const T above = query[axis] - box.high[axis];
    d[axis] = below > 0 ? below : above > 0 ? above : T(0);
  }
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}

/// The nearest of the lanes' candidates, in every lane.
template <typename T>
__device__ Candidate<T> nearest_of(Candidate<T> own) {
  for (int step = kWarp / 2; step > 0; step /= 2) {
    const Candidate<T> other = shuffle_xor(own, step);
    if (nearer(other, own)) own = other;
  }
  return own;
}

/// Walk of one warp down the tree, always into the nearest node that may hold a neighbour. The keys
/// of the 32 children of the node that is open on each level wait in shared memory.
template <typename T, int kRegisters>
class Walk {
 public:
  __device__ Walk(const TreeSearch<T>& search, const T* query, Candidate<T> (*keys)[kWarp])
      : search_(search),
        tree_(search.tree),
        keys_(keys),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        query_{query[0], query[1], query[2]},
        best_(search.k) {}

  __device__ const WarpBest<T, kRegisters>& run() {
    int level = tree_.levels.count - 1;  // of the open node; its children are one below
    if (level == 0) offer_points(0);
    int64_t node[kMostLevels];
    node[level] = 0;
    open(level, 0);
    while (level < tree_.levels.count) {
      const Candidate<T> own = keys_[level][lane_];
      const Candidate<T> next = nearest_of(own);
      if (next.row == kNoRow || !nearer(next, best_.worst()) || next.sq_dist > search_.sq_limit) {
        ++level;
        continue;
      }
      // Rows differ between nodes, so one lane alone holds this key.
      const unsigned holders =
          __ballot_sync(kWholeWarp, own.row == next.row && own.sq_dist == next.sq_dist);
      const int holder = __ffs(static_cast<int>(holders)) - 1;
      if (lane_ == holder) keys_[level][lane_] = {static_cast<T>(INFINITY), kNoRow};
      __syncwarp();
      const int64_t child = node[level] * kFanOut + holder;
      if (level == 1) {
        offer_points(child);
      } else {
        node[--level] = child;
        open(level, child);
      }
    }
    return best_;
  }

 private:
  /// Writes down the keys of the children of a node: a bound of their distances, their least row.
  __device__ void open(int level, int64_t node) {
    const int64_t child = node * kFanOut + lane_;
    const int64_t below =
        level == 0 ? 0 : tree_.levels.begin[level] - tree_.levels.begin[level - 1];
    Candidate<T> key{static_cast<T>(INFINITY), kNoRow};
    if (child < below) {
      const Box<T> box = load_box(tree_, tree_.levels.begin[level - 1] + child);
      key = {distance_to(box, query_), box.least_row};
    }
    keys_[level][lane_] = key;
    __syncwarp();
  }

  __device__ void offer_points(int64_t leaf) {
    const int64_t place = leaf * kFanOut + lane_;
    const int64_t padded = tree_.levels.begin[1] * kFanOut;
    const T dx = tree_.xyz[place] - query_[0];
    const T dy = tree_.xyz[padded + place] - query_[1];
    const T dz = tree_.xyz[2 * padded + place] - query_[2];
    const T d = dx * dx + dy * dy + dz * dz;
    const int32_t row = tree_.row[place];
    best_.offer(row != kNoRow && d <= search_.sq_limit
                    ? Candidate<T>{d, row}
                    : Candidate<T>{static_cast<T>(INFINITY), kNoRow});
  }

  const TreeSearch<T>& search_;
  const PointTree<T>& tree_;
  Candidate<T> (*keys_)[kWarp];
  int lane_;
  T query_[3];
  WarpBest<T, kRegisters> best_;
};

template <typename T, int kRegisters>
__global__ void __launch_bounds__(kThreads) search_kernel(const TreeSearch<T> p) {
  __shared__ Candidate<T> keys[kWarps][kMostLevels][kWarp];
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp; i < p.queries;
       i += stride) {
    const int64_t m = p.order[i];
    Walk<T, kRegisters> walk(p, p.query + 3 * m, keys[threadIdx.x / kWarp]);
    walk.run().store(p.k, p.first_row, p.index + m * p.k, p.sq_dist + m * p.k);
  }
}

}  // namespace

TreeLevels levels_of(int64_t points) {
  TreeLevels levels;
  int64_t nodes = (points + kFanOut - 1) / kFanOut;
  for (;;) {
    levels.begin[levels.count + 1] = levels.begin[levels.count] + nodes;
    ++levels.count;
    if (nodes <= 1) return levels;
    nodes = (nodes + kFanOut - 1) / kFanOut;
  }
}

template <typename T>
void launch_morton_codes(
    const T* xyz, int64_t n, const T* low, const T* high, int64_t* code, cudaStream_t stream) {
  if (n == 0) return;
  morton_kernel<T><<<grid_for(n, kThreads), kThreads, 0, stream>>>(xyz, n, low, high, code);
  check_launch("morton codes");
}

template <typename T>
void launch_build_tree(const PointTree<T>& tree,
                       const T* xyz,
                       const int64_t* order,
                       cudaStream_t stream) {
  const unsigned leaves = grid_for(tree.levels.begin[1], kWarps);
  leaves_kernel<T><<<leaves, kThreads, 0, stream>>>(tree, xyz, order);
  check_launch("point tree");
  for (int level = 1; level < tree.levels.count; ++level) {
    const unsigned grid = grid_for(tree.levels.begin[level + 1] - tree.levels.begin[level], kWarps);
    nodes_kernel<T><<<grid, kThreads, 0, stream>>>(tree, level);
    check_launch("point tree");
  }
}

template <typename T>
void launch_tree_search(const TreeSearch<T>& params, cudaStream_t stream) {
  if (params.queries == 0) return;
  with_registers(params.k, [&]<int kRegisters>() {
    const unsigned grid = grid_for(params.queries, kWarps);
    search_kernel<T, kRegisters><<<grid, kThreads, 0, stream>>>(params);
  });
  check_launch("tree search");
}

template void launch_morton_codes(
    const float*, int64_t, const float*, const float*, int64_t*, cudaStream_t);
template void launch_morton_codes(
    const double*, int64_t, const double*, const double*, int64_t*, cudaStream_t);
template void launch_build_tree(const PointTree<float>&,
                                const float*,
                                const int64_t*,
                                cudaStream_t);
template void launch_build_tree(const PointTree<double>&,
                                const double*,
                                const int64_t*,
                                cudaStream_t);
template void launch_tree_search(const TreeSearch<float>&, cudaStream_t);
template void launch_tree_search(const TreeSearch<double>&, cudaStream_t);

}  // namespace pointattn::cuda
