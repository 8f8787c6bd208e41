// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/retrieval_metrics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace pointattn::train {
namespace {

at::Tensor ids(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

struct Naive {
  std::vector<double> ranks;
  double ndcg = 0;

  /// Sorts everything: by score, the irrelevant first among equals.
  void add(const std::vector<double>& scores, const std::vector<bool>& relevant) {
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : relevant[a] < relevant[b];
    });
    double gain = 0, ideal = 0;
    size_t first = order.size(), found = 0;
    for (size_t place = 0; place < order.size(); ++place) {
      if (!relevant[order[place]]) continue;
      first = std::min(first, place);
      if (place < 5) gain += 1 / std::log2(static_cast<double>(place) + 2);
      if (found < 5) ideal += 1 / std::log2(static_cast<double>(found) + 2);
      ++found;
    }
    if (found == 0) return;
    ranks.push_back(static_cast<double>(first) + 1);
    ndcg += gain / ideal;
  }

  void expect(RankingFigures figures) {
    std::sort(ranks.begin(), ranks.end());
    const auto count = static_cast<double>(ranks.size());
    const auto within = [&](double k) {
      const auto few = std::count_if(ranks.begin(), ranks.end(), [&](double r) { return r <= k; });
      return static_cast<double>(few) / count;
    };
    EXPECT_EQ(figures.queries, static_cast<int64_t>(ranks.size()));
    EXPECT_DOUBLE_EQ(figures.recall_at_1, within(1));
    EXPECT_DOUBLE_EQ(figures.recall_at_5, within(5));
    EXPECT_DOUBLE_EQ(figures.recall_at_10, within(10));
    EXPECT_DOUBLE_EQ(figures.median_rank,
                     (ranks[(ranks.size() - 1) / 2] + ranks[ranks.size() / 2]) / 2);
    EXPECT_NEAR(figures.ndcg_at_5, ndcg / count, 1e-12);
  }
};

void expect_naive(const at::Tensor& scores, const at::Tensor& shape_of_text) {
  const int64_t T = scores.size(0), S = scores.size(1);
  Naive text_to_shape, shape_to_text;
  for (int64_t t = 0; t < T; ++t) {
    std::vector<double> row;
    std::vector<bool> relevant;
    for (int64_t s = 0; s < S; ++s) {
      row.push_back(scores[t][s].item<double>());
      relevant.push_back(shape_of_text[t].item<int64_t>() == s);
    }
    text_to_shape.add(row, relevant);
  }
  for (int64_t s = 0; s < S; ++s) {
    std::vector<double> column;
    std::vector<bool> relevant;
    for (int64_t t = 0; t < T; ++t) {
      column.push_back(scores[t][s].item<double>());
      relevant.push_back(shape_of_text[t].item<int64_t>() == s);
    }
    shape_to_text.add(column, relevant);
  }
  const RetrievalFigures figures = retrieval_figures(scores, shape_of_text);
  text_to_shape.expect(figures.text_to_shape);
  shape_to_text.expect(figures.shape_to_text);
}

TEST(RetrievalFigures, AreWhatSortingEverythingGives) {
  at::Generator generator = at::detail::createCPUGenerator(1);
  for (const int64_t S : {1, 3, 30}) {
    for (const int64_t T : {1, 2, 90}) {
      const at::Tensor shapes = at::randint(0, S, {T}, generator, at::dtype(at::kLong));
      expect_naive(at::randn({T, S}, generator), shapes);
      // Four different scores: ties everywhere.
      expect_naive(at::randint(0, 4, {T, S}, generator).to(at::kDouble), shapes);
    }
  }
}

TEST(RetrievalFigures, ByHand) {
  // Shape 0 has the texts 0 and 1, shape 1 has text 2, shape 2 has none.
  const at::Tensor scores = at::tensor({0.9,
                                        0.1,
                                        0.2,  //
                                        0.3,
                                        0.5,
                                        0.4,  //
                                        0.6,
                                        0.7,
                                        0.8})  //
                                .view({3, 3});
  const RetrievalFigures figures = retrieval_figures(scores, ids({0, 0, 1}));
  EXPECT_EQ(figures.shapes, 3);
  EXPECT_EQ(figures.captions, 3);
  // Ranks 1, 3, 2.
  EXPECT_EQ(figures.text_to_shape.queries, 3);
  EXPECT_DOUBLE_EQ(figures.text_to_shape.recall_at_1, 1.0 / 3);
  EXPECT_DOUBLE_EQ(figures.text_to_shape.recall_at_5, 1.0);
  EXPECT_DOUBLE_EQ(figures.text_to_shape.median_rank, 2.0);
  EXPECT_NEAR(
      figures.text_to_shape.ndcg_at_5, (1 + 1 / std::log2(4.0) + 1 / std::log2(3.0)) / 3, 1e-12);
  // Shape 0 finds its texts in places 1 and 3, shape 1 its text in place 1.
  EXPECT_EQ(figures.shape_to_text.queries, 2);
  EXPECT_DOUBLE_EQ(figures.shape_to_text.recall_at_1, 1.0);
  EXPECT_DOUBLE_EQ(figures.shape_to_text.median_rank, 1.0);
  const double ideal = 1 + 1 / std::log2(3.0);
  EXPECT_NEAR(figures.shape_to_text.ndcg_at_5, ((1 + 0.5) / ideal + 1) / 2, 1e-12);
}

TEST(RetrievalFigures, MoreCaptionsThanPlacesMayBePerfect) {
  // Seven captions of shape 0 before one of shape 1: five places, all right.
  at::Tensor scores = at::zeros({8, 2});
  scores.select(1, 0).narrow(0, 0, 7).fill_(1);
  scores[7][1] = 1;
  const RetrievalFigures figures = retrieval_figures(scores, ids({0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(figures.shape_to_text.ndcg_at_5, 1.0);
  EXPECT_DOUBLE_EQ(figures.text_to_shape.recall_at_1, 1.0);
}

TEST(RetrievalFigures, EqualScoresAreWorthNothing) {
  const at::Tensor shapes = at::arange(40).remainder(20);
  const RetrievalFigures figures = retrieval_figures(at::ones({40, 20}), shapes);
  for (const RankingFigures& of : {figures.text_to_shape, figures.shape_to_text}) {
    EXPECT_EQ(of.recall_at_10, 0.0);
    EXPECT_EQ(of.ndcg_at_5, 0.0);
  }
  EXPECT_EQ(figures.text_to_shape.median_rank, 20.0);
  EXPECT_EQ(figures.shape_to_text.median_rank, 39.0);
}

TEST(RetrievalFigures, InfiniteScoresAreOnlyFarAway) {
  const double infinity = std::numeric_limits<double>::infinity();
  const at::Tensor scores = at::tensor({-infinity, 0.0, 0.0, infinity}, at::kDouble).view({2, 2});
  EXPECT_EQ(retrieval_figures(scores, ids({1, 1})).text_to_shape.recall_at_1, 1.0);
}

TEST(RetrievalFigures, ToJson) {
  const nlohmann::json json = to_json(retrieval_figures(at::eye(12), at::arange(12)));
  EXPECT_EQ(json.at("shapes"), 12);
  EXPECT_EQ(json.at("captions"), 12);
  for (const char* direction : {"text_to_shape", "shape_to_text"}) {
    for (const char* name :
         {"recall_at_1", "recall_at_5", "recall_at_10", "median_rank", "ndcg_at_5"}) {
      EXPECT_EQ(json.at(direction).at(name), 1.0) << direction << " " << name;
    }
    EXPECT_EQ(json.at(direction).at("queries"), 12);
  }
}

TEST(RetrievalFigures, RefuseWhatCannotBeMeant) {
  const at::Tensor scores = at::eye(2);
  EXPECT_THROW(retrieval_figures(scores, ids({0})), c10::ValueError);
  EXPECT_THROW(retrieval_figures(scores, ids({0, 2})), c10::ValueError);
  EXPECT_THROW(retrieval_figures(scores, ids({-1, 0})), c10::ValueError);
  EXPECT_THROW(retrieval_figures(scores, at::zeros({2})), c10::ValueError);
  EXPECT_THROW(retrieval_figures(scores.to(at::kLong), ids({0, 1})), c10::ValueError);
  EXPECT_THROW(retrieval_figures(at::empty({0, 2}), at::empty({0}, at::kLong)), c10::ValueError);
  EXPECT_THROW(retrieval_figures(scores * std::numeric_limits<float>::quiet_NaN(), ids({0, 1})),
               c10::ValueError);
}

}  // namespace
}  // namespace pointattn::train
