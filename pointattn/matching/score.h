// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::matching {

/// How the phrases of a text are compared with the parts of a shape.
struct ScoreOptions {
  std::string kind = "late";  ///< a name of score_kinds()
  double temperature = 0.1;   ///< of the softmax over parts: `cross`, and correspondence of `mean`
  double regularization = 0.1;  ///< of the entropy in `sinkhorn`, in units of the cosine
  int64_t iterations = 20;      ///< of `sinkhorn`: a look at the rows and one at the columns each
  /// The first phrase and the first part stand for the whole text and the whole shape: the score is
  /// the mean of their cosine and of what `kind` makes of the rows behind; where a side has no row
  /// behind, their cosine alone.
  bool whole = false;
};

/// Throws c10::ValueError for an unknown kind and for values that cannot be meant.
void check_options(const ScoreOptions& options);

nlohmann::json to_json(const ScoreOptions& options);
/// Missing options keep their defaults. Throws c10::ValueError for an unknown option, and as
/// check_options() does.
ScoreOptions score_options_from_json(const nlohmann::json& json);

/// One way to compare. Rows come with unit length (or zero), hops and parts first, so that sums over
/// them run along whole planes: phrases [W,T,E], parts [R,S,E].
struct ScoreKind {
  std::string name;
  std::string description;
  /// → [T,S]
  at::Tensor (*score)(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts);
  /// phrases [W,E], parts [R,E] → [W,R], no row of zeros
  at::Tensor (*weights)(const ScoreOptions&, const at::Tensor& phrases, const at::Tensor& parts);
};

/// mean, late, sinkhorn, transport, cross; pointattn/matching/kinds.h says what each computes. A new
/// one is a file of its own, declared there and listed here.
const std::vector<ScoreKind>& score_kinds();

/// Score of every text with every shape, larger for a better match, at most 1 (up to rounding).
/// phrases [T,W,E], parts [S,R,E], one floating dtype and device; rows of any length, which counts
/// nothing, but zero rows stay zero and so have cosine 0 with all → [T,S]. The order of phrases and
/// of parts counts nothing (`whole`: but for the first). Gradients to both (none to a zero row).
/// Without a gradient to keep, memory beyond the inputs' is bounded: texts and shapes are taken in
/// blocks. Throws c10::ValueError for other shapes or dtypes, no phrase, no part, NaN or infinity,
/// and as check_options() does.
at::Tensor match(const ScoreOptions& options, const at::Tensor& phrases, const at::Tensor& parts);

/// How much each phrase met each part in the score, to show to people: phrases [W,E], parts [R,E] →
/// [W,R], rows sum to one. No gradient. Equal candidates share evenly.
at::Tensor correspondence(const ScoreOptions& options,
                          const at::Tensor& phrases,
                          const at::Tensor& parts);

}  // namespace pointattn::matching
