// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>

#include <cmath>

namespace pointattn::matching {
namespace {

/// log Σ exp along `dim`, kept. Without a gradient it works in place on one copy.
at::Tensor log_sum_exp(const at::Tensor& first, const at::Tensor& second, int64_t dim) {
  at::Tensor sum = first + second;
  if (sum.requires_grad()) return at::logsumexp(sum, dim, /*keepdim=*/true);
  const at::Tensor most = sum.amax(dim, /*keepdim=*/true);
  return sum.sub_(most).exp_().sum(dim, /*keepdim=*/true).log_().add_(most);
}

/// log π [W,T,R,S] = (c − f − g) with f [W,T,1,S] and g [1,T,R,S] such that π has the uniform
/// masses 1/W and 1/R; c is the cosine over the regularisation: a constant part of the cost
/// changes no plan.
at::Tensor log_plan(const ScoreOptions& options, const at::Tensor& scaled) {
  const double log_phrases = std::log(static_cast<double>(scaled.size(0)));
  const double log_parts = std::log(static_cast<double>(scaled.size(2)));
  at::Tensor minus_g = at::zeros({}, scaled.options());
  at::Tensor minus_f;
  for (int64_t i = 0; i < options.iterations; ++i) {
    minus_f = -(log_sum_exp(scaled, minus_g, 2) + log_phrases);
    minus_g = -(log_sum_exp(scaled, minus_f, 0) + log_parts);
  }
  return scaled + minus_f + minus_g;
}

at::Tensor score(const ScoreOptions& options, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = cosines(phrases, parts);  // [W,T,R,S]
  const at::Tensor plan = log_plan(options, cosine / options.regularization).exp();
  return (plan * cosine).sum(c10::IntArrayRef{0, 2});
}

at::Tensor weights(const ScoreOptions& options,
                   const at::Tensor& phrases,
                   const at::Tensor& parts) {
  const at::Tensor cosine = cosines(phrases.unsqueeze(1), parts.unsqueeze(1));  // [W,1,R,1]
  // A softmax rather than exp(): a row whose mass is too small for the dtype still has shares.
  const at::Tensor log = log_plan(options, cosine / options.regularization);
  return log.softmax(2).view({phrases.size(0), parts.size(0)});
}

}  // namespace

ScoreKind sinkhorn_score() {
  return {"sinkhorn", "entropic optimal transport between phrases and parts", score, weights};
}

}  // namespace pointattn::matching
