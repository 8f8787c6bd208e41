// SPDX-License-Identifier: Apache-2.0
#include "pointattn/adapters/cloud_search.h"

#include "pointattn/ops/knn_inputs.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

namespace pointattn::adapters {
namespace {

constexpr double kAnywhere = std::numeric_limits<double>::infinity();
/// Neighbours a point that are worth keeping for all points at once.
constexpr int64_t kMostKept = 256;
constexpr int64_t kPortion = 512;

/// Runs work(begin, end) for portions of `count` places, on threads of its own: the caller may be one
/// thread of a parallel loop whose others wait for the answers.
template <typename Work>
void for_portions(int64_t count, const Work& work) {
  std::atomic<int64_t> next{0};
  const auto run = [&] {
    for (int64_t begin = kPortion * next++; begin < count; begin = kPortion * next++)
      work(begin, std::min(begin + kPortion, count));
  };
  std::vector<std::jthread> others;
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count / (4 * kPortion));
  for (int64_t i = 1; i < threads; ++i) others.emplace_back(run);
  run();
}

float sq_limit(double radius) { return ops::round_down<float>(radius * radius); }

}  // namespace

CloudSearch::CloudSearch(std::vector<float> xyz, std::vector<int> rows)
    : xyz_(std::move(xyz)),
      rows_(std::move(rows)),
      tree_(xyz_.data(), static_cast<int64_t>(rows_.size()), at::get_num_threads()) {}

int CloudSearch::take(const int64_t* from,
                      const float* sq_from,
                      int64_t count,
                      std::vector<int>& index,
                      std::vector<float>& sq_dist) const {
  while (count > 0 && from[count - 1] < 0) --count;
  index.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < index.size(); ++i) index[i] = rows_[static_cast<size_t>(from[i])];
  sq_dist.assign(sq_from, sq_from + count);
  return static_cast<int>(count);
}

int CloudSearch::nearest(const float* point,
                         int64_t k,
                         double radius,
                         std::vector<int>& index,
                         std::vector<float>& sq_dist) const {
  k = std::clamp<int64_t>(k, 0, size());
  std::vector<int64_t> found(static_cast<size_t>(k));
  std::vector<float> distances(found.size());
  if (k > 0) {
    tree_.nearest(
        {point, nullptr, 1}, sq_limit(radius), {found.data(), distances.data(), 0, k, nullptr});
  }
  return take(found.data(), distances.data(), k, index, sq_dist);
}

int CloudSearch::within(const float* point,
                        double radius,
                        std::vector<int>& index,
                        std::vector<float>& sq_dist) const {
  int64_t count = 0;
  tree_.count({point, nullptr, 1}, sq_limit(radius), &count);
  return nearest(point, count, radius, index, sq_dist);
}

template <typename Fits, typename Answer>
CloudSearch::SharedAnswers CloudSearch::answers(const Fits& fits, const Answer& answer) const {
  SharedAnswers known = answers_.load();
  if (known && fits(*known)) return known;
  const std::lock_guard lock(answering_);
  known = answers_.load();
  if (known && fits(*known)) return known;
  known = answer();
  answers_.store(known);
  return known;
}

CloudSearch::SharedAnswers CloudSearch::answer_nearest(int64_t k) const {
  auto all = std::make_shared<Answers>();
  all->k = k;
  all->index.resize(static_cast<size_t>(size() * k));
  all->sq_dist.resize(all->index.size());
  for_portions(size(), [&](int64_t begin, int64_t end) {
    tree_.nearest({xyz_.data(), tree_.rows() + begin, end - begin},
                  std::numeric_limits<float>::infinity(),
                  {all->index.data(), all->sq_dist.data(), 0, k, nullptr});
  });
  return all;
}

CloudSearch::SharedAnswers CloudSearch::answer_within(double radius) const {
  auto all = std::make_shared<Answers>();
  all->radius = radius;
  std::vector<int64_t>& starts = all->starts;
  starts.assign(static_cast<size_t>(size()) + 1, 0);
  for_portions(size(), [&](int64_t begin, int64_t end) {
    tree_.count(
        {xyz_.data(), tree_.rows() + begin, end - begin}, sq_limit(radius), starts.data() + 1);
  });
  for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  if (starts.back() > kMostKept * size()) {
    starts.clear();  // says that they are too many
    return all;
  }
  all->index.resize(static_cast<size_t>(starts.back()));
  all->sq_dist.resize(all->index.size());
  for_portions(size(), [&](int64_t begin, int64_t end) {
    tree_.nearest({xyz_.data(), tree_.rows() + begin, end - begin},
                  sq_limit(radius),
                  {all->index.data(), all->sq_dist.data(), 0, 0, starts.data()});
  });
  return all;
}

int CloudSearch::nearest_at(int64_t place,
                            int64_t k,
                            std::vector<int>& index,
                            std::vector<float>& sq_dist) const {
  k = std::clamp<int64_t>(k, 0, size());
  if (k == 0 || k > kMostKept)
    return nearest(xyz_.data() + 3 * place, k, kAnywhere, index, sq_dist);
  const SharedAnswers all = answers([k](const Answers& known) { return known.k == k; },
                                    [&] { return answer_nearest(k); });
  return take(all->index.data() + place * k, all->sq_dist.data() + place * k, k, index, sq_dist);
}

int CloudSearch::within_at(int64_t place,
                           double radius,
                           std::vector<int>& index,
                           std::vector<float>& sq_dist) const {
  const SharedAnswers all =
      answers([radius](const Answers& known) { return known.k == 0 && known.radius == radius; },
              [&] { return answer_within(radius); });
  if (all->starts.empty()) return within(xyz_.data() + 3 * place, radius, index, sq_dist);
  const int64_t begin = all->starts[static_cast<size_t>(place)];
  const int64_t count = all->starts[static_cast<size_t>(place) + 1] - begin;
  return take(all->index.data() + begin, all->sq_dist.data() + begin, count, index, sq_dist);
}

}  // namespace pointattn::adapters
