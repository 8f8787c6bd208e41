// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/exact_transport.h"
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace pointattn::matching {
namespace {

/// Pairs that a thread takes at a time.
constexpr int64_t kGrain = 256;

/// Best plans for cosines [P,W,R], shares of a mass of one.
at::Tensor plans(const at::Tensor& cosine) {
  const at::Tensor cost = (1 - cosine.detach()).to(at::kCPU, at::kDouble).contiguous();
  at::Tensor plan = at::empty_like(cost);
  const int64_t phrases = cost.size(1), parts = cost.size(2);
  const double* from = cost.const_data_ptr<double>();
  double* to = plan.mutable_data_ptr<double>();
  at::parallel_for(0, cost.size(0), kGrain, [&](int64_t begin, int64_t end) {
    ExactTransport transport(phrases, parts);
    for (int64_t pair = begin; pair < end; ++pair) {
      transport.solve(from + pair * phrases * parts, to + pair * phrases * parts);
    }
  });
  return plan;
}

at::Tensor score(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = cosines(phrases, parts);  // [W,T,R,S]
  const int64_t T = cosine.size(1), S = cosine.size(3);
  const at::Tensor pairs = cosine.permute({1, 3, 0, 2}).flatten(0, 1);  // [TS,W,R]
  const at::Tensor plan = plans(pairs).to(cosine.device());
  return (plan * pairs.to(at::kDouble)).sum(c10::IntArrayRef{1, 2}).to(cosine.dtype()).view({T, S});
}

at::Tensor weights(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = at::matmul(phrases, parts.transpose(0, 1));
  return plans(cosine.unsqueeze(0)).squeeze(0).to(cosine.options());
}

}  // namespace

ScoreKind transport_score() {
  return {"transport", "exact earth mover's distance between phrases and parts", score, weights};
}

}  // namespace pointattn::matching
