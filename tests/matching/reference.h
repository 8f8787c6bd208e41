// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/matching/score.h"

#include <vector>

namespace pointattn::matching::reference {

using Matrix = std::vector<std::vector<double>>;

/// Rows of a [N,E] tensor.
Matrix rows_of(const at::Tensor& tensor);

/// Least cost of a one-to-one assignment of a square matrix over all permutations, divided by the
/// number of rows.
double best_assignment(const Matrix& cost);

/// Score of one text with one shape by plain loops, phrase by phrase and part by part: matrix
/// scaling instead of log space for `sinkhorn`, permutations of copied rows for `transport`, a mix
/// that is written out for `cross`.
double score(const ScoreOptions& options, const Matrix& phrases, const Matrix& parts);

}  // namespace pointattn::matching::reference
