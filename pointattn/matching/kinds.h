// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/matching/score.h"

namespace pointattn::matching {

/// The kinds of score. c_wr is the cosine of phrase w and part r, W phrases, R parts.

/// Cosine of the mean of the unit phrases and the mean of the unit parts: one vector a side, the
/// baseline. It pairs nothing; its correspondence is that of `cross`.
ScoreKind mean_score();

/// Late interaction, both ways (MaxSim of ColBERT, Khattab & Zaharia 2020, there one way):
/// (Σ_w max_r c_wr / W + Σ_r max_w c_wr / R) / 2. Among equal maxima the first gets the gradient.
/// Correspondence: what each pair adds to the score, by weight.
ScoreKind late_score();

/// Σ π_wr c_wr, the mean cosine under the entropic optimal transport plan π (Cuturi 2013) between
/// uniform masses, cost 1 − c: so it is 1 − ⟨π, cost⟩. `iterations` rounds in log space; the last
/// step makes the columns' masses exact, the rows' are as far as the iterations got. The gradient is
/// that of the iterations. Correspondence: π.
ScoreKind sinkhorn_score();

/// 1 − earth mover's distance with uniform masses and cost 1 − c, solved exactly, in float64 on the
/// CPU: the reference that `sinkhorn` tends to as `regularization` falls. Gradient: the plan is
/// held constant, which is the gradient where the best plan is the only one and a subgradient
/// elsewhere. Correspondence: the plan.
ScoreKind transport_score();

/// Cross-attention, text to shape, averaged (SCAN, Lee et al. 2018): phrase w attends to the parts
/// with a_wr = softmax_r(c_wr / temperature), the score is the mean over w of the cosine of phrase
/// w and Σ_r a_wr part_r. SCAN scales and thresholds the cosines before the softmax, this does not.
/// Correspondence: a.
ScoreKind cross_score();

}  // namespace pointattn::matching
