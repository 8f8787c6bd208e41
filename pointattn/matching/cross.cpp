// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>

namespace pointattn::matching {
namespace {

at::Tensor score(const ScoreOptions& options, const at::Tensor& phrases, const at::Tensor& parts) {
  const at::Tensor cosine = cosines(phrases, parts);  // [W,T,R,S]
  const at::Tensor attention = (cosine / options.temperature).softmax(2);
  // |Σ_r a_r p_r|² = Σ_rq a_r ⟨p_r,p_q⟩ a_q: no mix of width E is ever made for a pair.
  const at::Tensor by_shape = parts.transpose(0, 1);                           // [S,R,E]
  const at::Tensor among_parts = at::bmm(by_shape, by_shape.transpose(1, 2));  // [S,R,R]
  const int64_t W = cosine.size(0), T = cosine.size(1), R = cosine.size(2), S = cosine.size(3);
  const at::Tensor rows = attention.permute({3, 0, 1, 2}).reshape({S, W * T, R});
  const at::Tensor length = (at::bmm(rows, among_parts) * rows).sum(2);  // [S,WT]
  const at::Tensor squared = length.view({S, W, T}).permute({1, 2, 0});  // [W,T,S]
  return divide_by_length((attention * cosine).sum(2), squared).mean(0);
}

at::Tensor weights(const ScoreOptions& options,
                   const at::Tensor& phrases,
                   const at::Tensor& parts) {
  return (at::matmul(phrases, parts.transpose(0, 1)) / options.temperature).softmax(1);
}

}  // namespace

ScoreKind cross_score() {
  return {"cross", "each phrase with the mix of parts that it attends to", score, weights};
}

}  // namespace pointattn::matching
