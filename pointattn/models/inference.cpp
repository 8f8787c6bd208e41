// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/inference.h"

#include "pointattn/ops/farthest_point_sample.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <tuple>

namespace pointattn::models {
namespace {

constexpr int64_t kThinAbove = 1 << 16;  ///< larger clouds are thinned before the sampling
constexpr int64_t kGrid =
    128;  ///< cells a side; a cell is far smaller than the gaps of 2048 samples on a surface
constexpr int64_t kFewPoints = 256;
constexpr double kFlat =
    0.005;  ///< thickness (standard deviation) relative to the longest direction

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, share < 0.001 ? "%.2g %%" : "%.1f %%", share * 100);
  return text;
}

/// Finite points moved to the centre of their bounding box and scaled into [-1,1]³; halving before
/// adding keeps 1e308 from overflowing.
at::Tensor into_unit_cube(const at::Tensor& xyz) {
  const at::Tensor points = xyz.to(at::kDouble);
  const at::Tensor low = points.amin(0) * 0.5;
  const at::Tensor high = points.amax(0) * 0.5;
  const double half = (high - low).max().item<double>();
  const at::Tensor centred = points - (low + high);
  return (half > 0 ? centred / half : centred).to(at::kFloat).contiguous();
}

/// Lowest row of each place, ascending.
at::Tensor distinct_rows(const at::Tensor& xyz) {
  const auto* p = reinterpret_cast<const float(*)[3]>(xyz.const_data_ptr<float>());
  std::vector<int32_t> order(static_cast<size_t>(xyz.size(0)));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [p](int32_t a, int32_t b) {
    return std::tie(p[a][0], p[a][1], p[a][2], a) < std::tie(p[b][0], p[b][1], p[b][2], b);
  });
  const auto same = [p](int32_t a, int32_t b) {
    return p[a][0] == p[b][0] && p[a][1] == p[b][1] && p[a][2] == p[b][2];
  };
  order.erase(std::unique(order.begin(), order.end(), same), order.end());
  std::sort(order.begin(), order.end());
  return at::tensor(order, at::kInt).to(at::kLong);
}

/// First row of each cell of the grid that holds a point.
at::Tensor one_a_cell(const at::Tensor& xyz) {
  const float* p = xyz.const_data_ptr<float>();
  const auto cell = [](float coordinate) {
    const auto place = static_cast<int64_t>((coordinate + 1.0F) * (0.5F * kGrid));
    return std::clamp<int64_t>(place, 0, kGrid - 1);
  };
  std::vector<bool> taken(static_cast<size_t>(kGrid * kGrid * kGrid));
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < xyz.size(0); ++i) {
    const int64_t key = (cell(p[3 * i]) * kGrid + cell(p[3 * i + 1])) * kGrid + cell(p[3 * i + 2]);
    if (taken[static_cast<size_t>(key)]) continue;
    taken[static_cast<size_t>(key)] = true;
    rows.push_back(i);
  }
  return at::tensor(rows, at::kLong);
}

at::Tensor take_sample(const at::Tensor& distinct, int64_t points) {
  if (distinct.size(0) <= points) return distinct;
  at::Tensor candidates = distinct;
  if (distinct.size(0) > kThinAbove) {
    const at::Tensor thinned = distinct.index_select(0, one_a_cell(distinct));
    // A far outlier squeezes the rest into a few cells; then only the whole cloud has enough
    // points.
    if (thinned.size(0) >= std::min(4 * points, kThinAbove)) candidates = thinned;
  }
  if (candidates.size(0) <= points) return candidates;
  const at::Tensor rows = ops::farthest_point_sample(
      candidates, offsets_of({candidates.size(0)}), at::full({1}, points, at::kLong));
  return candidates.index_select(0, rows);
}

/// Notes on the shape as a whole: one place, a line, a plane.
void describe_shape(const at::Tensor& sample, std::vector<std::string>& notes) {
  if (sample.size(0) == 1) {
    notes.emplace_back("all points are at one place: they get the same label");
    return;
  }
  if (sample.size(0) < 4) return;
  const at::Tensor points = sample.to(at::kDouble);
  const at::Tensor centred = points - points.mean(0);
  const at::Tensor spread =
      std::get<0>(at::linalg_eigh(centred.t().matmul(centred))).clamp_min(0).sqrt();
  const double longest = spread[2].item<double>();
  if (spread[1].item<double>() < kFlat * longest) {
    notes.emplace_back("the points lie on a line: parts of a shape cannot be told from it");
  } else if (spread[0].item<double>() < kFlat * longest) {
    notes.emplace_back("the cloud is flat (all points near one plane): the labels are a guess");
  }
}

}  // namespace

PreparedCloud prepare_cloud(const at::Tensor& xyz, int64_t points) {
  TORCH_CHECK_VALUE(xyz.dim() == 2 && xyz.size(1) == 3 && xyz.size(0) > 0,
                    "segment: expected points [N,3] with N > 0, got ",
                    xyz.sizes());
  TORCH_CHECK_VALUE(xyz.scalar_type() == at::kFloat || xyz.scalar_type() == at::kDouble,
                    "segment: expected points in float32 or float64, got ",
                    xyz.scalar_type());
  TORCH_CHECK_VALUE(points >= 1, "segment: expected at least 1 sampled point, got ", points);
  TORCH_CHECK_VALUE(
      xyz.size(0) <= INT32_MAX, "segment: expected at most 2^31 - 1 points, got ", xyz.size(0));
  PreparedCloud cloud;
  cloud.points = xyz.size(0);
  at::Tensor kept = xyz.detach().to(at::kCPU);
  const at::Tensor finite = kept.isfinite().all(1);
  const int64_t finite_count = finite.sum().item<int64_t>();
  TORCH_CHECK_VALUE(finite_count > 0,
                    "segment: expected a finite point, all ",
                    cloud.points,
                    " are NaN or infinite");
  if (finite_count < cloud.points) {
    cloud.finite_rows = finite.nonzero().squeeze(1);
    kept = kept.index_select(0, cloud.finite_rows);
    cloud.notes.push_back(std::to_string(cloud.points - finite_count) + " of " +
                          std::to_string(cloud.points) +
                          " points are not finite: they get the most frequent label, confidence 0");
  }
  cloud.xyz = into_unit_cube(kept);
  const at::Tensor distinct = cloud.xyz.index_select(0, distinct_rows(cloud.xyz));
  if (distinct.size(0) < finite_count) {
    const auto repeated = static_cast<double>(finite_count - distinct.size(0));
    cloud.notes.push_back(percent(repeated / static_cast<double>(finite_count)) +
                          " of the points repeat the place of another: each place counts once");
  }
  cloud.sample = take_sample(distinct, points);
  describe_shape(cloud.sample, cloud.notes);
  if (distinct.size(0) < kFewPoints) {
    cloud.notes.push_back("only " + std::to_string(distinct.size(0)) +
                          " different points: expect mistakes below " + std::to_string(kFewPoints));
  }
  return cloud;
}

Scores network_scores(
    Network& network, Task task, const at::Tensor& sample, int64_t category, int64_t columns) {
  const auto parameters = network.parameters();
  const at::Device device = parameters.empty() ? at::Device(at::kCPU) : parameters.front().device();
  PointBatch batch = PointBatch::of({sample});
  batch.xyz = batch.xyz.to(device);
  const at::Tensor known = at::full({1}, category, at::TensorOptions(at::kLong).device(device));
  const Scores out = network.forward(batch, known);
  const at::Tensor& scores = out.scores;
  const int64_t rows = task == Task::kSegment ? sample.size(0) : 1;
  TORCH_CHECK(scores.dim() == 2 && scores.size(0) == rows && scores.size(1) == columns,
              "expected scores [",
              rows,
              ",",
              columns,
              "] from the network, got ",
              scores.sizes());
  const at::Tensor here = scores.to(at::kCPU, at::kFloat);
  TORCH_CHECK(here.isfinite().all().item<bool>(),
              "the network gives NaN or infinity: its weights are damaged");
  const auto brought = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(at::kCPU, at::kFloat) : at::Tensor();
  };
  return {here, brought(out.category), brought(out.feature)};
}

}  // namespace pointattn::models
