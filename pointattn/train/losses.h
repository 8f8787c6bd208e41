// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

namespace pointattn::train {

/// Mean cross-entropy of scores [N,K] against classes int64 [N] with label smoothing (Szegedy et
/// al. 2016): the truth gets 1 − s + s/K, every other class s/K. Rows whose class is −1 do not
/// count. Gradient to `scores`.
at::Tensor smoothed_cross_entropy(const at::Tensor& scores,
                                  const at::Tensor& truth,
                                  double smoothing);

/// Loss of part segmentation, per shape b with category c:
///   cross-entropy over the parts of c (over all parts where `shown` is −1: the network must then tell the category as well), label smoothing spread over the
///   parts of c, plus `overlap` · (1 − mean soft IoU over the parts that shape b has), soft IoU = I/(U+1), I = Σ p·y, U = Σp + Σy − I.
/// scores [N,K], part int64 [N], offsets [B+1], category and shown int64 [B]. Mean over shapes.
/// Gradient to `scores`.
at::Tensor part_loss(const at::Tensor& scores,
                     const at::Tensor& part,
                     const at::Tensor& offsets,
                     const at::Tensor& category,
                     const at::Tensor& shown,
                     const LabelMap& labels,
                     double smoothing,
                     double overlap);

}  // namespace pointattn::train
