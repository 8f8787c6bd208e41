// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include "bench/ops_table.h"
#include "bench/peers/neighbor_peers.h"
#include <cstdint>
#include <vector>

/// The rows of bench_ops, one function an operation; ours and all peers that have it.
namespace pointattn::bench {

using NeighborPeers = std::vector<NeighborPeer>;

/// The nearest k of every point.
void knn_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, int64_t k);

/// All within `radius` of every point.
void within_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, double radius);

/// Farthest points, 4,096 of a large cloud, fewer of a small one; beside the definition as a loop.
void farthest_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz);

/// Features of C=128 from every fourth of the points to all by their nearest three. The peers
/// find the three; a plain loop on all threads weighs.
void interpolate_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz);

/// Means of the points in cubes of `size`.
void voxel_row(OpsTable& table, const NeighborPeers& peers, const at::Tensor& xyz, double size);

/// The nearest 16 of n in feature space, as a network with a dynamic graph asks for them.
void feature_row(OpsTable& table, int64_t n, int64_t dims);

/// The radius of about 32 points in a cube of n; in other clouds the median way to the 16th.
double radius_of(const at::Tensor& xyz, bool cube);

}  // namespace pointattn::bench
