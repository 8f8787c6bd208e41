// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/knn_tree.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace pointattn::adapters {

/// Neighbour search for libraries that ask about one point after another. Searches at a point of
/// the cloud itself are answered for all of its points the first time one comes, on all threads, and
/// looked up from then on: callers that go through a cloud get what a batch costs. That holds
/// 12 bytes a neighbour, of the latest k or radius. Any number of threads may search at once.
class CloudSearch {
 public:
  /// xyz [n,3], finite; rows [n] are the indices that results speak of.
  CloudSearch(std::vector<float> xyz, std::vector<int> rows);

  /// The nearest k (all where there are fewer), by (distance, place of the point in `rows`); at most
  /// `radius` (≤) away. Returns how many.
  int nearest(const float* point,
              int64_t k,
              double radius,
              std::vector<int>& index,
              std::vector<float>& sq_dist) const;
  /// All within the radius.
  int within(const float* point,
             double radius,
             std::vector<int>& index,
             std::vector<float>& sq_dist) const;

  /// The same at the point of one place in `rows`.
  int nearest_at(int64_t place,
                 int64_t k,
                 std::vector<int>& index,
                 std::vector<float>& sq_dist) const;
  int within_at(int64_t place,
                double radius,
                std::vector<int>& index,
                std::vector<float>& sq_dist) const;

  int64_t size() const { return tree_.size(); }

 private:
  /// Neighbours of all points: k each, or those within a radius.
  struct Answers {
    int64_t k = 0;
    double radius = 0;
    std::vector<int64_t> starts;
    std::vector<int64_t> index;
    std::vector<float> sq_dist;
  };
  using SharedAnswers = std::shared_ptr<const Answers>;

  /// The answers at hand, or those that `answer` gives; nullptr where they would be too many.
  template <typename Fits, typename Answer>
  SharedAnswers answers(const Fits& fits, const Answer& answer) const;
  SharedAnswers answer_nearest(int64_t k) const;
  SharedAnswers answer_within(double radius) const;
  int take(const int64_t* from,
           const float* sq_from,
           int64_t count,
           std::vector<int>& index,
           std::vector<float>& sq_dist) const;

  std::vector<float> xyz_;
  std::vector<int> rows_;
  ops::KdTree<float> tree_;
  mutable std::mutex answering_;
  mutable std::atomic<SharedAnswers> answers_;
};

}  // namespace pointattn::adapters
