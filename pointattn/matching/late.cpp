// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>

#include <tuple>

namespace pointattn::matching {
namespace {

/// amax() would spread the gradient over equal maxima, max() is several times slower.
at::Tensor largest(const at::Tensor& values, int64_t dim) {
  if (values.requires_grad()) return std::get<0>(values.max(dim));
  return values.amax(dim);
}

at::Tensor score(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = cosines(phrases, parts);  // [W,T,R,S]
  return (largest(cosine, 2).mean(0) + largest(cosine, 0).mean(1)) / 2;
}

/// 1 for the largest of each row or column, shared evenly among equals.
at::Tensor winners(const at::Tensor& cosine, int64_t dim) {
  const at::Tensor won = cosine.eq(cosine.amax(dim, /*keepdim=*/true)).to(cosine.scalar_type());
  return won / won.sum(dim, /*keepdim=*/true);
}

at::Tensor weights(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = at::matmul(phrases, parts.transpose(0, 1));
  return winners(cosine, 1) / static_cast<double>(phrases.size(0)) +
         winners(cosine, 0) / static_cast<double>(parts.size(0));
}

}  // namespace

ScoreKind late_score() {
  return {
      "late", "each phrase with its best part and each part with its best phrase", score, weights};
}

}  // namespace pointattn::matching
