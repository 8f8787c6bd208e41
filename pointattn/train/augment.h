// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"

#include <ATen/core/Tensor.h>

namespace pointattn::train {

/// What is done to a training shape, in this order. Zero (for scales: one) switches a step off.
/// Lengths are in units of the shape's radius, 1. The defaults suit small sets of articulated
/// shapes; PCT's own recipe is scale_low 0.67, scale_high 1.5, shift 0.2 and nothing else.
struct AugmentOptions {
  double warp = 0.08;       ///< size of a smooth random warp, a sum of six plane waves
  double scale_low = 0.7;   ///< each axis is stretched by a factor of its own, from scale_low …
  double scale_high = 1.3;  ///< … to scale_high
  double mirror = 0.5;      ///< probability of a mirror image (x → −x)
  double turn = 0.0;        ///< largest rotation about the up axis y, degrees
  double tilt =
      12.0;  ///< standard deviation of each component of a random rotation vector, degrees
  double any_pose = 0.1;  ///< probability that a uniformly random rotation takes the place of both
  bool renormalize =
      true;               ///< centre on the mean and scale into the unit sphere, as inference does
  double size = 0.1;      ///< largest relative change of the overall size after that
  double shift = 0.0;     ///< largest shift along each axis
  double jitter = 0.003;  ///< standard deviation of noise on each coordinate
};

/// Calls `visit(name, field)` for every option.
template <typename Options, typename Visit>
void for_each_augment_option(Options& options, Visit&& visit) {
  visit("warp", options.warp);
  visit("scale_low", options.scale_low);
  visit("scale_high", options.scale_high);
  visit("mirror", options.mirror);
  visit("turn", options.turn);
  visit("tilt", options.tilt);
  visit("any_pose", options.any_pose);
  visit("renormalize", options.renormalize);
  visit("size", options.size);
  visit("shift", options.shift);
  visit("jitter", options.jitter);
}

/// An augmented copy of xyz [N,3] float32; the points keep their order. The same `random` gives the
/// same result.
at::Tensor augment(const at::Tensor& xyz, const AugmentOptions& options, Random random);

/// `count` different rows of 0 … n−1 in random order (all of them, shuffled, when count ≥ n):
/// int64.
at::Tensor random_rows(int64_t n, int64_t count, Random random);

}  // namespace pointattn::train
