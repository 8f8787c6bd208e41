// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn {

/// Several clouds of different sizes, rows one behind another and never padded. Cloud b owns the
/// rows offsets[b] … offsets[b+1]-1 of `xyz` and `feat`.
struct PointBatch {
  at::Tensor xyz;      ///< [N,3] coordinates, float32 or float64
  at::Tensor feat;     ///< [N,C] further inputs per point (normals, colours), or undefined
  at::Tensor offsets;  ///< [B+1] int64 row starts, first 0, last N; on the CPU

  int64_t points() const { return xyz.size(0); }
  int64_t clouds() const { return offsets.size(0) - 1; }
  /// Points of each cloud.
  std::vector<int64_t> counts() const;

  /// Joins clouds [N_b,3] into a batch without features.
  static PointBatch of(const std::vector<at::Tensor>& clouds);
};

/// Row starts [B+1] (int64, CPU) of clouds with these numbers of points.
at::Tensor offsets_of(const std::vector<int64_t>& counts);

/// Centres xyz [N,3] on its mean and scales it so that the farthest point has norm 1; points all at
/// one place become zeros. Computed in float64, returned in the dtype of the input.
at::Tensor to_unit_sphere(const at::Tensor& xyz);

/// Points of each cloud, from row starts.
std::vector<int64_t> counts_of(const at::Tensor& offsets);

}  // namespace pointattn
