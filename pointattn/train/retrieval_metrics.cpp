// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/retrieval_metrics.h"

#include "pointattn/core/check.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace pointattn::train {
namespace {

/// Depth of nDCG, and rows of scores that are copied at a time.
constexpr size_t kDepth = 5;
constexpr int64_t kBlock = 64;

/// Gathers queries one by one.
class Ranking {
 public:
  /// places: those of the best relevant ones, from 1, ascending, at most kDepth of them.
  void add(const std::vector<int64_t>& places) {
    ranks_.push_back(places.front());
    double gain = 0;
    double ideal = 0;
    for (size_t i = 0; i < places.size(); ++i) {
      ideal += discount(static_cast<int64_t>(i) + 1);
      if (places[i] <= static_cast<int64_t>(kDepth)) gain += discount(places[i]);
    }
    ndcg_ += gain / ideal;
  }

  RankingFigures figures() {
    RankingFigures figures;
    figures.queries = static_cast<int64_t>(ranks_.size());
    if (ranks_.empty()) return figures;
    std::sort(ranks_.begin(), ranks_.end());
    const size_t half = ranks_.size() / 2;
    const int64_t lower = ranks_[ranks_.size() % 2 == 0 ? half - 1 : half];
    figures.median_rank = static_cast<double>(lower + ranks_[half]) / 2;
    figures.recall_at_1 = share_within(1);
    figures.recall_at_5 = share_within(5);
    figures.recall_at_10 = share_within(10);
    figures.ndcg_at_5 = ndcg_ / static_cast<double>(ranks_.size());
    return figures;
  }

 private:
  static double discount(int64_t place) {
    return 1.0 / std::log2(1.0 + static_cast<double>(place));
  }

  double share_within(int64_t rank) const {
    const auto within = std::upper_bound(ranks_.begin(), ranks_.end(), rank) - ranks_.begin();
    return static_cast<double>(within) / static_cast<double>(ranks_.size());
  }

  std::vector<int64_t> ranks_;
  double ndcg_ = 0;
};

/// Places of the best `relevant` columns (ascending positions) of one row of scores.
std::vector<int64_t> places_of(const double* scores,
                               int64_t count,
                               const std::vector<int64_t>& relevant) {
  std::vector<double> best;
  best.reserve(relevant.size());
  for (const int64_t column : relevant) best.push_back(scores[column]);
  std::sort(best.begin(), best.end(), std::greater<>());
  std::vector<int64_t> places;
  const size_t depth = std::min(kDepth, best.size());
  places.reserve(depth);
  for (size_t i = 0; i < depth; ++i) {
    // All that score as much, less the relevant ones among them, go before; then its own kind.
    const int64_t as_much =
        std::count_if(scores, scores + count, [&](double s) { return s >= best[i]; });
    const auto own = std::upper_bound(best.begin(), best.end(), best[i], std::greater<>());
    places.push_back(as_much - (own - best.begin()) + static_cast<int64_t>(i) + 1);
  }
  return places;
}

/// Ranks the columns of `scores` [Q,C] for each row whose relevant columns are listed.
RankingFigures rank_rows(const at::Tensor& scores,
                         const std::vector<std::vector<int64_t>>& relevant) {
  Ranking ranking;
  for (int64_t start = 0; start < scores.size(0); start += kBlock) {
    const int64_t rows = std::min(kBlock, scores.size(0) - start);
    const at::Tensor block = scores.narrow(0, start, rows).to(at::kCPU, at::kDouble).contiguous();
    TORCH_CHECK_VALUE(!block.isnan().any().item<bool>(), "retrieval_figures: scores hold a NaN");
    for (int64_t row = 0; row < rows; ++row) {
      const std::vector<int64_t>& wanted = relevant[static_cast<size_t>(start + row)];
      if (wanted.empty()) continue;
      ranking.add(
          places_of(block.const_data_ptr<double>() + row * scores.size(1), scores.size(1), wanted));
    }
  }
  return ranking.figures();
}

/// Average precision of a query by the scores of what is relevant to it, at least one, and of the
/// others; sorts both.
double average_precision(std::vector<double>& relevant, std::vector<double>& others) {
  std::sort(relevant.begin(), relevant.end(), std::greater<>());
  std::sort(others.begin(), others.end(), std::greater<>());
  double sum = 0;
  auto before = others.begin();  // the first that goes behind the relevant one at hand
  for (size_t i = 0; i < relevant.size(); ++i) {
    while (before != others.end() && *before >= relevant[i]) ++before;
    const auto found = static_cast<double>(i + 1);
    sum += found / (found + static_cast<double>(before - others.begin()));
  }
  return sum / static_cast<double>(relevant.size());
}

/// Average precision of shape `query` by its cosines with all shapes; nothing when no other shape is
/// of its kind.
std::optional<double> query_precision(const double* cosine,
                                      const int64_t* kind,
                                      int64_t shapes,
                                      int64_t query) {
  std::vector<double> relevant, others;
  for (int64_t shape = 0; shape < shapes; ++shape) {
    if (shape == query) continue;
    (kind[shape] == kind[query] ? relevant : others).push_back(cosine[shape]);
  }
  if (relevant.empty()) return std::nullopt;
  return average_precision(relevant, others);
}

nlohmann::json json_of(const RankingFigures& figures) {
  return {{"recall_at_1", figures.recall_at_1},
          {"recall_at_5", figures.recall_at_5},
          {"recall_at_10", figures.recall_at_10},
          {"median_rank", figures.median_rank},
          {"ndcg_at_5", figures.ndcg_at_5},
          {"queries", figures.queries}};
}

}  // namespace

RetrievalFigures retrieval_figures(const at::Tensor& scores, const at::Tensor& shape_of_text) {
  ShapeCheck check("retrieval_figures");
  check(scores, "scores", {"T", "S"});
  check(shape_of_text, "shape_of_text", {"T"});
  TORCH_CHECK_VALUE(
      scores.is_floating_point() && shape_of_text.scalar_type() == at::kLong && check["T"] > 0,
      "retrieval_figures: expected floating scores [T,S] and int64 shape_of_text [T] "
      "with T > 0, got ",
      scores.scalar_type(),
      " ",
      scores.sizes(),
      " and ",
      shape_of_text.scalar_type());
  const at::Tensor shapes = shape_of_text.to(at::kCPU).contiguous();
  std::vector<std::vector<int64_t>> of_text(check["T"]), of_shape(check["S"]);
  for (int64_t text = 0; text < check["T"]; ++text) {
    const int64_t shape = shapes.const_data_ptr<int64_t>()[text];
    TORCH_CHECK_VALUE(shape >= 0 && shape < check["S"],
                      "retrieval_figures: expected shapes below ",
                      check["S"],
                      ", got ",
                      shape,
                      " for text ",
                      text);
    of_text[static_cast<size_t>(text)].push_back(shape);
    of_shape[static_cast<size_t>(shape)].push_back(text);
  }
  RetrievalFigures figures;
  figures.captions = check["T"];
  figures.shapes = check["S"];
  const at::Tensor values = scores.detach();
  figures.text_to_shape = rank_rows(values, of_text);
  figures.shape_to_text = rank_rows(values.transpose(0, 1), of_shape);
  return figures;
}

std::optional<double> mean_average_precision(const at::Tensor& feature,
                                             const at::Tensor& category) {
  ShapeCheck check("mean_average_precision");
  check(feature, "feature", {"S", "D"});
  check(category, "category", {"S"});
  TORCH_CHECK_VALUE(
      feature.is_floating_point() && category.scalar_type() == at::kLong,
      "mean_average_precision: expected floating feature [S,D] and int64 category [S], got ",
      feature.scalar_type(),
      " and ",
      category.scalar_type());
  check_finite("mean_average_precision", feature, "feature");
  const at::Tensor rows = feature.detach().to(at::kCPU, at::kDouble);
  const at::Tensor unit = rows / rows.norm(2, 1, /*keepdim=*/true).clamp_min(1e-300);
  const at::Tensor kinds = category.to(at::kCPU).contiguous();
  const int64_t* kind = kinds.const_data_ptr<int64_t>();
  double sum = 0;
  int64_t queries = 0;
  for (int64_t start = 0; start < check["S"]; start += kBlock) {
    const int64_t count = std::min(kBlock, check["S"] - start);
    const at::Tensor block = at::mm(unit.narrow(0, start, count), unit.t()).contiguous();
    for (int64_t row = 0; row < count; ++row) {
      const double* cosine = block.const_data_ptr<double>() + row * check["S"];
      const auto precision = query_precision(cosine, kind, check["S"], start + row);
      sum += precision.value_or(0);
      queries += precision.has_value();
    }
  }
  if (queries == 0) return std::nullopt;
  return sum / static_cast<double>(queries);
}

nlohmann::json to_json(const RetrievalFigures& figures) {
  return {{"text_to_shape", json_of(figures.text_to_shape)},
          {"shape_to_text", json_of(figures.shape_to_text)},
          {"shapes", figures.shapes},
          {"captions", figures.captions}};
}

}  // namespace pointattn::train
