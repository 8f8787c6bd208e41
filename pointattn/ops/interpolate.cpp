// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/interpolate.h"

#include "pointattn/core/check.h"
#include "pointattn/ops/ball_query.h"
#include "pointattn/ops/gather_backward.h"
#include "pointattn/ops/knn_inputs.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include <limits>

namespace pointattn::ops {
namespace {

using at::Tensor;

constexpr double kEpsilon = 1e-8;

/// The normalised weights w_ij / Σ_j w_ij, taken relative to the nearest point so that they hold
/// for distances of any size.
Tensor normalised_weights(const Tensor& sq_dist) {
  const Tensor nearest = sq_dist.narrow(1, 0, 1).add(kEpsilon);
  // Empty places are infinitely far and weigh nothing; when even the nearest distance overflows,
  // that point alone counts.
  Tensor weight = at::where(
      at::isinf(sq_dist), at::zeros({}, sq_dist.options()), nearest / sq_dist.add(kEpsilon));
  weight.narrow(1, 0, 1).fill_(1);
  return weight.div_(weight.sum(1, true));
}

/// Any device: the search is the operator of that device.
std::tuple<Tensor, Tensor> interpolation_weights(const Tensor& query,
                                                 const Tensor& points,
                                                 const Tensor& query_offsets,
                                                 const Tensor& point_offsets,
                                                 int64_t k) {
  const SearchInputs inputs =
      check_search("interpolate", query, points, query_offsets, point_offsets, k);
  check_enough_points("interpolate", inputs.query, inputs.points, 1);
  const Neighbors found = ball_query(
      query, points, query_offsets, point_offsets, std::numeric_limits<double>::infinity(), k);
  return {found.index, normalised_weights(found.sq_dist)};
}

std::tuple<Tensor, Tensor> interpolation_weights_meta(
    const Tensor& query, const Tensor&, const Tensor&, const Tensor&, int64_t k) {
  return {at::empty_symint({query.sym_size(0), k}, query.options().dtype(at::kLong)),
          at::empty_symint({query.sym_size(0), k}, query.options())};
}

std::tuple<Tensor, Tensor> call_interpolation_weights(const Tensor& query,
                                                      const Tensor& points,
                                                      const Tensor& query_offsets,
                                                      const Tensor& point_offsets,
                                                      int64_t k) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::_interpolation_weights", "")
                             .typed<decltype(call_interpolation_weights)>();
  return op.call(query, points, query_offsets, point_offsets, k);
}

Tensor interpolate_composite(const Tensor& query,
                             const Tensor& points,
                             const Tensor& feat,
                             const Tensor& query_offsets,
                             const Tensor& point_offsets,
                             int64_t k) {
  TORCH_CHECK_VALUE(feat.dim() == 2 && points.dim() == 2 && feat.sym_size(0) == points.sym_size(0),
                    "interpolate: expected feat [N,C] with N=",
                    points.dim() > 0 ? points.sym_size(0) : c10::SymInt(0),
                    ", got ",
                    feat.sym_sizes());
  TORCH_CHECK_VALUE(feat.scalar_type() == points.scalar_type(),
                    "interpolate: expected feat of ",
                    points.scalar_type(),
                    " as points, got ",
                    feat.scalar_type());
  const auto [index, weight] =
      call_interpolation_weights(query.detach(), points.detach(), query_offsets, point_offsets, k);
  return weighted_gather(feat, index, weight);
}

}  // namespace

Tensor interpolate(const Tensor& query,
                   const Tensor& points,
                   const Tensor& feat,
                   const Tensor& query_offsets,
                   const Tensor& point_offsets,
                   int64_t k) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("pointattn::interpolate", "")
                             .typed<decltype(interpolate)>();
  return op.call(query, points, feat, query_offsets, point_offsets, k);
}

TORCH_LIBRARY_FRAGMENT(pointattn, m) {
  m.def(
      "interpolate(Tensor query, Tensor points, Tensor feat, Tensor query_offsets, Tensor "
      "point_offsets, "
      "int k=3) -> Tensor");
  m.def(
      "_interpolation_weights(Tensor query, Tensor points, Tensor query_offsets, Tensor "
      "point_offsets, int k) "
      "-> (Tensor index, Tensor weight)");
}
TORCH_LIBRARY_IMPL(pointattn, CompositeImplicitAutograd, m) {
  m.impl("interpolate", &interpolate_composite);
}
TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("_interpolation_weights", &interpolation_weights); }
TORCH_LIBRARY_IMPL(pointattn, CUDA, m) { m.impl("_interpolation_weights", &interpolation_weights); }
TORCH_LIBRARY_IMPL(pointattn, Meta, m) {
  m.impl("_interpolation_weights", &interpolation_weights_meta);
}
TORCH_LIBRARY_IMPL(pointattn, Autograd, m) {
  m.impl("_interpolation_weights", torch::autograd::autogradNotImplementedFallback());
}

}  // namespace pointattn::ops
