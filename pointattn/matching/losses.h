// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace pointattn::matching {

/// Largest scale that info_nce() multiplies scores by, as in CLIP.
constexpr double kMaxScale = 100.0;

/// Symmetric InfoNCE with a learned temperature (van den Oord et al. 2018, as in CLIP, Radford et
/// al. 2021): mean of the cross-entropies of the rows and of the columns of scale · scores against
/// the diagonal, scale = min(exp(log_scale), kMaxScale). scores [B,B], row i and column i belong
/// together; log_scale: one number. `same`, bool [B,B] or undefined, marks pairs off the diagonal
/// that belong together too (two captions of one shape): they are left out of the denominators, and
/// its diagonal counts nothing. Gradients to scores and log_scale; where the scale is held at its
/// limit, log_scale gets only a gradient that lowers it, so that it does not stick there. → []
/// Throws c10::ValueError for other shapes, an empty batch, or log_scale of another dtype.
at::Tensor info_nce(const at::Tensor& scores,
                    const at::Tensor& log_scale,
                    const at::Tensor& same = {});

/// What `scores` [B,B] still lack of `teacher` [B,B] (Hinton et al., "Distilling the knowledge in a
/// neural network", 2015), both ways: the mean over rows of KL(softmax(s · teacher) ‖ softmax(s ·
/// scores)) and the same over columns, halved, with the scale s of info_nce(). The teacher gets no
/// gradient, the scale only that of `scores`. → [] Throws as info_nce().
at::Tensor distillation(const at::Tensor& scores,
                        const at::Tensor& teacher,
                        const at::Tensor& log_scale);

/// Triplet loss with semi-hard negatives (Schroff et al. 2015), both ways: for each row of scores
/// [B,B], max(0, margin + negative − diagonal), the negative being the largest score of the row that
/// is below the diagonal by less than the margin; where there is none, the row's largest of all.
/// The same for columns; mean over the 2B. Pairs in `same` (see info_nce) are no negatives; without
/// any negative a row adds 0. Which negative is taken counts as constant for the gradient; among
/// equals it is the first. → [] Throws c10::ValueError for other shapes, an empty batch, or a
/// margin that is not positive.
at::Tensor semi_hard_triplet(const at::Tensor& scores, double margin, const at::Tensor& same = {});

}  // namespace pointattn::matching
