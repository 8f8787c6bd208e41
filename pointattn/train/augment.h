// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"

#include <ATen/core/Tensor.h>

namespace pointattn::train {

/// What is done to a training shape, in this order. Zero or one switches a step off. Lengths are in
/// units of the shape's radius (1).
struct AugmentOptions {
  double mirror = 0.5;      ///< probability of a mirror image in each of x and z
  double warp = 0.0;        ///< largest displacement of a smooth random warp of low frequency
  double turn = 0.0;        ///< largest rotation about the up axis y, degrees
  double tilt = 0.0;        ///< largest rotation about a random axis, degrees
  double scale_low = 0.67;  ///< each axis is stretched by a factor of its own from scale_low …
  double scale_high = 1.5;  ///< … to scale_high
  double shift = 0.2;       ///< largest shift along each axis
  double jitter =
      0.005;  ///< standard deviation of noise on each coordinate, cut at four times that
  bool renormalize =
      false;  ///< centre on the mean and scale into the unit sphere afterwards, as inference does
};

/// An augmented copy of xyz [N,3] float32; the points keep their order. The same `random` gives the
/// same result.
at::Tensor augment(const at::Tensor& xyz, const AugmentOptions& options, Random random);

/// Centres xyz [N,3] on its mean and scales it into the unit sphere (a single point, or equal ones,
/// become zeros).
at::Tensor normalize_to_unit_sphere(const at::Tensor& xyz);

/// `count` different rows of 0 … n−1 in random order (all of them, shuffled, when count ≥ n):
/// int64.
at::Tensor random_rows(int64_t n, int64_t count, Random random);

}  // namespace pointattn::train
