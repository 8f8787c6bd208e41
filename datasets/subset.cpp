// SPDX-License-Identifier: Apache-2.0
#include "datasets/subset.h"

#include "datasets/procedural/random.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace pointattn::datasets {
namespace {

class Subset : public train::Dataset {
 public:
  Subset(train::DatasetPtr whole, std::vector<int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {}
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  train::Sample get(int64_t index) const override { return whole_->get(at(index)); }
  int64_t category(int64_t index) const override { return whole_->category(at(index)); }
  const LabelMap& labels() const override { return whole_->labels(); }
  bool has_parts() const override { return whole_->has_parts(); }

 private:
  int64_t at(int64_t index) const {
    TORCH_CHECK_INDEX(
        index >= 0 && index < size(), "subset: expected a shape below ", size(), ", got ", index);
    return indices_[static_cast<size_t>(index)];
  }
  train::DatasetPtr whole_;
  std::vector<int64_t> indices_;
};

void shuffle(std::vector<int64_t>& list, Random& random) {
  for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[random.next() % i]);
}

/// `wanted` tells how many of a category's shapes to hold out; the answer is kept within 1 …
/// size-1.
Split split(const train::DatasetPtr& dataset,
            uint64_t seed,
            const std::function<int64_t(int64_t)>& wanted) {
  TORCH_CHECK_VALUE(dataset, "split: expected a data set, got none");
  std::vector<std::vector<int64_t>> members(
      static_cast<size_t>(dataset->labels().num_categories()));
  for (int64_t i = 0; i < dataset->size(); ++i)
    members[static_cast<size_t>(dataset->category(i))].push_back(i);
  std::vector<int64_t> train;
  std::vector<int64_t> held_out;
  for (size_t category = 0; category < members.size(); ++category) {
    std::vector<int64_t>& list = members[category];
    const auto size = static_cast<int64_t>(list.size());
    Random random(mixed(seed, category));
    shuffle(list, random);
    const int64_t count = size < 2 ? 0 : std::clamp<int64_t>(wanted(size), 1, size - 1);
    held_out.insert(held_out.end(), list.begin(), list.begin() + count);
    train.insert(train.end(), list.begin() + count, list.end());
  }
  TORCH_CHECK_VALUE(!held_out.empty(),
                    "split: expected a category of two shapes or more to hold one out, got ",
                    dataset->size(),
                    " shapes");
  std::sort(train.begin(), train.end());
  std::sort(held_out.begin(), held_out.end());
  return {subset(dataset, std::move(train)), subset(dataset, std::move(held_out))};
}

}  // namespace

train::DatasetPtr subset(train::DatasetPtr dataset, std::vector<int64_t> indices) {
  TORCH_CHECK_VALUE(dataset, "subset: expected a data set, got none");
  for (const int64_t i : indices) {
    TORCH_CHECK_VALUE(i >= 0 && i < dataset->size(),
                      "subset: expected shapes below ",
                      dataset->size(),
                      ", got ",
                      i);
  }
  return std::make_shared<Subset>(std::move(dataset), std::move(indices));
}

Split split_by_category(const train::DatasetPtr& dataset, double fraction, uint64_t seed) {
  TORCH_CHECK_VALUE(
      fraction > 0 && fraction < 1, "split: expected a fraction in (0,1), got ", fraction);
  return split(dataset, seed, [fraction](int64_t size) {
    return static_cast<int64_t>(std::lround(fraction * static_cast<double>(size)));
  });
}

Split split_by_category_count(const train::DatasetPtr& dataset, int64_t count, uint64_t seed) {
  TORCH_CHECK_VALUE(
      count >= 1, "split: expected at least one shape a category to hold out, got ", count);
  return split(dataset, seed, [count](int64_t) { return count; });
}

}  // namespace pointattn::datasets
