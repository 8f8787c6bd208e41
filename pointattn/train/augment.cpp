// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/augment.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace pointattn::train {
namespace {

using Matrix = std::array<std::array<double, 3>, 3>;

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 3; ++k) c[i][j] += a[i][k] * b[k][j];
    }
  }
  return c;
}

/// Rotation about a unit axis (Rodrigues' formula).
Matrix rotation(const std::array<double, 3>& axis, double degrees) {
  const double angle = degrees * std::numbers::pi / 180.0;
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const auto [x, y, z] = axis;
  return {{{c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s},
           {y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s},
           {z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)}}};
}

std::array<double, 3> random_direction(Random& random) {
  std::array<double, 3> v{};
  double length = 0.0;
  while (length < 1e-6) {
    for (double& component : v) component = random.normal();
    length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  }
  for (double& component : v) component /= length;
  return v;
}

/// A sum of a few plane waves of low frequency: smooth, invertible for small amplitudes, different
/// for every shape.
class Warp {
 public:
  Warp(double amplitude, Random& random) {
    for (Wave& wave : waves_) {
      const double frequency = random.uniform(0.5, 1.5) * std::numbers::pi;
      wave.direction = random_direction(random);
      for (double& component : wave.direction) component *= frequency;
      wave.phase = random.uniform(0.0, 2.0 * std::numbers::pi);
      wave.displacement = random_direction(random);
      const double share = amplitude * random.uniform() / static_cast<double>(waves_.size());
      for (double& component : wave.displacement) component *= share;
    }
  }

  void apply(std::array<double, 3>& p) const {
    const std::array<double, 3> at = p;
    for (const Wave& w : waves_) {
      const double height = std::sin(w.direction[0] * at[0] + w.direction[1] * at[1] +
                                     w.direction[2] * at[2] + w.phase);
      for (size_t d = 0; d < 3; ++d) p[d] += height * w.displacement[d];
    }
  }

 private:
  struct Wave {
    std::array<double, 3> direction{};
    std::array<double, 3> displacement{};
    double phase = 0.0;
  };
  std::array<Wave, 4> waves_{};
};

}  // namespace

at::Tensor augment(const at::Tensor& xyz, const AugmentOptions& options, Random random) {
  Matrix linear = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  if (random.chance(options.mirror)) linear[0][0] = -1;
  if (random.chance(options.mirror)) linear[2][2] = -1;
  const Warp warp(options.warp, random);
  linear = product(rotation({0, 1, 0}, random.uniform(-options.turn, options.turn)), linear);
  linear = product(rotation(random_direction(random), random.uniform(-options.tilt, options.tilt)),
                   linear);
  std::array<double, 3> shift{};
  for (size_t d = 0; d < 3; ++d) {
    const double factor = random.uniform(options.scale_low, options.scale_high);
    for (double& entry : linear[d]) entry *= factor;
    shift[d] = random.uniform(-options.shift, options.shift);
  }
  at::Tensor out = xyz.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  float* row = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < out.size(0); ++i, row += 3) {
    std::array<double, 3> p = {row[0], row[1], row[2]};
    if (options.warp > 0) warp.apply(p);
    for (size_t d = 0; d < 3; ++d) {
      double value = linear[d][0] * p[0] + linear[d][1] * p[1] + linear[d][2] * p[2] + shift[d];
      if (options.jitter > 0) value += options.jitter * std::clamp(random.normal(), -4.0, 4.0);
      row[d] = static_cast<float>(value);
    }
  }
  return options.renormalize ? normalize_to_unit_sphere(out) : out;
}

at::Tensor normalize_to_unit_sphere(const at::Tensor& xyz) {
  if (xyz.size(0) == 0) return xyz;
  const at::Tensor centred = xyz - xyz.mean(0, /*keepdim=*/true);
  const double radius = centred.square().sum(1).max().sqrt().item<double>();
  return radius > 0 ? centred / radius : centred;
}

at::Tensor random_rows(int64_t n, int64_t count, Random random) {
  std::vector<int64_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  const int64_t taken = std::min(n, count);
  for (int64_t i = 0; i < taken; ++i) {  // Fisher and Yates, stopped after `taken` draws
    const auto j = i + static_cast<int64_t>(random.below(static_cast<uint64_t>(n - i)));
    std::swap(rows[static_cast<size_t>(i)], rows[static_cast<size_t>(j)]);
  }
  rows.resize(static_cast<size_t>(taken));
  return at::tensor(rows, at::kLong);
}

}  // namespace pointattn::train
