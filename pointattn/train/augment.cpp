// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/augment.h"

#include "pointattn/core/point_batch.h"

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

/// A sum of a few plane waves of low frequency: smooth, different for every shape.
class Warp {
 public:
  Warp(double size, Random& random) {
    const double strength = size * random.uniform();
    for (Wave& wave : waves_) {
      for (double& component : wave.frequency) component = kFrequency * random.normal();
      for (double& component : wave.displacement) component = strength * random.normal();
      wave.phase = random.uniform(0.0, 2.0 * std::numbers::pi);
    }
  }

  std::array<double, 3> operator()(const std::array<double, 3>& p) const {
    std::array<double, 3> moved = p;
    for (const Wave& w : waves_) {
      const double height =
          std::sin(w.frequency[0] * p[0] + w.frequency[1] * p[1] + w.frequency[2] * p[2] + w.phase);
      for (size_t d = 0; d < 3; ++d) moved[d] += height * w.displacement[d];
    }
    return moved;
  }

 private:
  static constexpr double kFrequency = 3.0;
  struct Wave {
    std::array<double, 3> frequency{};
    std::array<double, 3> displacement{};
    double phase = 0.0;
  };
  std::array<Wave, 6> waves_{};
};

/// Uniform over all rotations: a unit quaternion from four normal numbers (Shoemake 1992 lists the
/// method).
Matrix any_rotation(Random& random) {
  std::array<double, 4> q{};
  double length = 0.0;
  for (double& component : q) {
    component = random.normal();
    length += component * component;
  }
  for (double& component : q) component /= std::sqrt(length);
  const auto [w, x, y, z] = q;
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
           {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
           {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}}};
}

Matrix random_rotation(const AugmentOptions& options, Random& random) {
  if (random.chance(options.any_pose)) return any_rotation(random);
  const Matrix turn = rotation({0, 1, 0}, random.uniform(-options.turn, options.turn));
  std::array<double, 3> axis{};
  for (double& component : axis) component = options.tilt * random.normal();
  const double degrees = std::sqrt(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]);
  if (degrees == 0.0) return turn;
  for (double& component : axis) component /= degrees;
  return product(rotation(axis, degrees), turn);
}

}  // namespace

at::Tensor augment(const at::Tensor& xyz, const AugmentOptions& options, Random random) {
  const Warp warp(options.warp, random);
  Matrix stretch{};
  for (size_t d = 0; d < 3; ++d)
    stretch[d][d] = random.uniform(options.scale_low, options.scale_high);
  if (random.chance(options.mirror)) stretch[0][0] = -stretch[0][0];
  const Matrix linear = product(random_rotation(options, random), stretch);
  const double size = random.uniform(1.0 - options.size, 1.0 + options.size);
  std::array<double, 3> shift{};
  for (double& component : shift) component = random.uniform(-options.shift, options.shift);

  at::Tensor out = xyz.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  const auto each_point = [&out](const auto& move) {
    float* row = out.mutable_data_ptr<float>();
    for (int64_t i = 0; i < out.size(0); ++i, row += 3) {
      const std::array<double, 3> p = move(std::array<double, 3>{row[0], row[1], row[2]});
      for (size_t d = 0; d < 3; ++d) row[d] = static_cast<float>(p[d]);
    }
  };
  each_point([&](const std::array<double, 3>& at) {
    const std::array<double, 3> p = options.warp > 0 ? warp(at) : at;
    std::array<double, 3> q{};
    for (size_t d = 0; d < 3; ++d)
      q[d] = linear[d][0] * p[0] + linear[d][1] * p[1] + linear[d][2] * p[2];
    return q;
  });
  if (options.renormalize) out = to_unit_sphere(out);
  each_point([&](std::array<double, 3> p) {
    for (size_t d = 0; d < 3; ++d) {
      p[d] = p[d] * size + shift[d];
      if (options.jitter > 0) p[d] += options.jitter * random.normal();
    }
    return p;
  });
  return out;
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
