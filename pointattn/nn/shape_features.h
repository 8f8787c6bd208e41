// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/point_batch.h"

#include <vector>

/// Descriptions of the surroundings of each point that do not change when the cloud is turned or
/// mirrored. Constants for autograd; computed on the CPU in float32, cloud by cloud on all threads;
/// the result is on the device of the coordinates.
namespace pointattn::nn {

/// Shape of the neighbourhood of each point at several radii, from the covariance of the points
/// within the radius (itself included; after Demantké et al., "Dimensionality based scale
/// selection", 2011). Five numbers a radius r:
///   √λ₁/r ≥ √λ₂/r ≥ √λ₃/r of the covariance about the neighbourhood's mean, 0.3·log(100·n/N) with n neighbours of N points, ‖mean − x‖/r.
/// Returns [N, 5·radii]. O(N²) time per cloud: meant for samples of a few thousand points.
at::Tensor covariance_features(const PointBatch& batch, const std::vector<double>& radii);

/// How far out on the surface each point lies: lengths of shortest paths over the graph of
/// `neighbors` [N,K] (rows of the batch, the first column the point itself, as nearest() gives;
/// separate pieces are joined by their shortest gap) from the first `landmarks` points of the
/// cloud. Two numbers a point: mean m and maximum M of the lengths, relative to their means over
/// the cloud: 2(m/m̄ − 1), 2(M/M̄ − 1). Ends of limbs are large, trunks small, in any pose. Returns
/// [N,2].
at::Tensor geodesic_features(const PointBatch& batch,
                             const at::Tensor& neighbors,
                             int64_t landmarks);

}  // namespace pointattn::nn
