// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>

namespace pointattn::train {

/// Figures of one direction of retrieval, means over its queries.
struct RankingFigures {
  int64_t queries = 0;
  double recall_at_1 = 0;  ///< share of the queries with something relevant among the first
  double recall_at_5 = 0;
  double recall_at_10 = 0;
  double median_rank = 0;  ///< of the first relevant one, from 1; mean of the two in the middle
  double ndcg_at_5 = 0;    ///< Järvelin & Kekäläinen 2002, gain 1 or 0, discount log2(1 + place)
};

struct RetrievalFigures {
  RankingFigures text_to_shape;
  RankingFigures shape_to_text;
  int64_t shapes = 0;
  int64_t captions = 0;
};

/// Ranking of shapes by text and of texts by shape, counted as Parts2Words (Tang et al. 2023) does:
/// relevance is binary and a shape may have several captions. For a text one shape is relevant; for
/// a shape all its captions are, recall@k asks for any of them, and the ideal of nDCG@5 has
/// min(5, captions) relevant ones at the front. A shape without a caption asks nothing but may be
/// found. Ties count against: what is not relevant goes before the relevant with an equal score, so
/// equal scores all over are worth nothing.
/// scores [T,S], any floating dtype; shape_of_text int64 [T], columns of scores. Memory beyond the
/// scores' is O(T + S). Throws c10::ValueError for other shapes, no text, a shape outside 0 … S−1, or
/// a NaN.
RetrievalFigures retrieval_figures(const at::Tensor& scores, const at::Tensor& shape_of_text);

/// Ranking of shapes by a shape of the same kind: every shape asks, all others are ranked by the
/// cosine of their feature with its own, and those of its category are relevant. Returns the mean
/// over the queries of the average precision, (1/R) Σ_i i / place of the i-th relevant one; nothing
/// when no category has two shapes. A shape that is alone in its category asks nothing but may be
/// found. Ties count against, as above; the cosine with a feature of zeros is 0.
/// feature [S,D] of any floating dtype, category int64 [S]. O(S² (D + log S)) time, O(S D) memory.
/// Throws c10::ValueError for other shapes and dtypes, NaN and infinity.
std::optional<double> mean_average_precision(const at::Tensor& feature, const at::Tensor& category);

/// {"text_to_shape": {"recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "ndcg_at_5",
/// "queries"}, "shape_to_text": the same, "shapes", "captions"}
nlohmann::json to_json(const RetrievalFigures& figures);

}  // namespace pointattn::train
