// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace pointattn::cuda {

/// Nearest neighbours in one large cloud on the GPU: its points in Morton order, 32 of them a leaf,
/// and a tree of bounding boxes over the leaves, 32 children a node, so that a warp looks at one
/// node, or one leaf, at a time (one lane a child). Exact, whatever the shape of the cloud. All
/// pointers are on the device, T is float or double.
constexpr int kFanOut = 32;
constexpr int kMostLevels = 7;  // 32⁷ points and more

/// Where the levels of a tree lie: level 0 are the leaves, the last one is the root.
struct TreeLevels {
  int count = 0;
  int64_t begin[kMostLevels + 1] = {};  ///< nodes of level l: begin[l] … begin[l+1]-1
  int64_t nodes() const { return begin[count]; }
};
TreeLevels levels_of(int64_t points);

template <typename T>
struct PointTree {
  int64_t points;  ///< n < 2³¹
  TreeLevels levels;
  T* xyz;              ///< [3, 32·leaves]: by axis, padded with +infinity
  int32_t* row;        ///< [32·leaves], rows in the cloud
  T* box;              ///< [6, nodes]: least x, y, z, greatest x, y, z
  int32_t* least_row;  ///< [nodes]
};

/// 63-bit Morton codes [n] of xyz [n,3] in the box from low [3] to high [3]; beyond it, of the
/// nearest cell.
template <typename T>
void launch_morton_codes(
    const T* xyz, int64_t n, const T* low, const T* high, int64_t* code, cudaStream_t stream);

/// Fills the tree from the cloud xyz [n,3] and `order` [n], its rows by Morton code (equal codes by
/// row).
template <typename T>
void launch_build_tree(const PointTree<T>& tree,
                       const T* xyz,
                       const int64_t* order,
                       cudaStream_t stream);

template <typename T>
struct TreeSearch {
  PointTree<T> tree;
  const T* query;        ///< [queries,3]
  const int64_t* order;  ///< [queries] in which they are taken: neighbours one after another
  int64_t queries;
  int64_t k;          ///< at most kMostInRegisters
  int64_t first_row;  ///< added to the rows of the cloud
  T sq_limit;
  int64_t* index;  ///< out [queries,k]
  T* sq_dist;      ///< out [queries,k]
};

/// As launch_knn(), the same results to the last bit. All throw std::runtime_error when a launch
/// fails.
template <typename T>
void launch_tree_search(const TreeSearch<T>& params, cudaStream_t stream);

}  // namespace pointattn::cuda
