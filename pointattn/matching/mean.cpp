// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"

#include <ATen/ATen.h>

namespace pointattn::matching {
namespace {

at::Tensor unit_mean(const at::Tensor& rows) {
  const at::Tensor mean = rows.mean(0);
  return divide_by_length(mean, mean.square().sum(-1, /*keepdim=*/true).expand_as(mean));
}

at::Tensor score(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts) {
  return at::matmul(unit_mean(phrases), unit_mean(parts).transpose(0, 1));
}

}  // namespace

ScoreKind mean_score() {
  return {"mean", "cosine of the mean phrase and the mean part", score, cross_score().weights};
}

}  // namespace pointattn::matching
