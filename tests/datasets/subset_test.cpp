// SPDX-License-Identifier: Apache-2.0
#include "datasets/subset.h"

#include "tests/datasets/messages.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace pointattn::datasets {
namespace {

/// Shapes whose only point holds their number.
class Numbers : public train::Dataset {
 public:
  explicit Numbers(std::vector<int64_t> categories) : categories_(std::move(categories)) {
    for (const char* name : {"a", "b", "c", "d"}) labels_.categories.push_back({name, 0, {}});
  }
  int64_t size() const override { return static_cast<int64_t>(categories_.size()); }
  int64_t category(int64_t index) const override {
    return categories_.at(static_cast<size_t>(index));
  }
  const LabelMap& labels() const override { return labels_; }
  bool has_parts() const override { return false; }
  train::Sample get(int64_t index) const override {
    return {at::full({1, 3}, static_cast<double>(index), at::kFloat),
            {},
            {},
            category(index),
            std::to_string(index)};
  }

 private:
  std::vector<int64_t> categories_;
  LabelMap labels_;
};

/// 40 of a, 10 of b, 2 of c, 1 of d, mixed.
train::DatasetPtr numbers() {
  std::vector<int64_t> categories;
  for (int64_t i = 0; i < 40; ++i) {
    categories.push_back(0);
    if (i % 4 == 0) categories.push_back(1);
    if (i % 20 == 0) categories.push_back(2);
    if (i == 17) categories.push_back(3);
  }
  return std::make_shared<Numbers>(categories);
}

std::set<std::string> names(const train::DatasetPtr& set) {
  std::set<std::string> names;
  for (int64_t i = 0; i < set->size(); ++i) names.insert(set->get(i).name);
  return names;
}

std::map<int64_t, int64_t> counts(const train::DatasetPtr& set) {
  std::map<int64_t, int64_t> counts;
  for (int64_t i = 0; i < set->size(); ++i) ++counts[set->category(i)];
  return counts;
}

TEST(Subset, ShowsItsRowsInTheirOrder) {
  const train::DatasetPtr view = subset(numbers(), {5, 0, 5});
  ASSERT_EQ(view->size(), 3);
  EXPECT_EQ(view->get(0).name, "5");
  EXPECT_EQ(view->get(1).name, "0");
  EXPECT_EQ(view->category(2), numbers()->category(5));
  EXPECT_EQ(view->labels().num_categories(), 4);
  EXPECT_ANY_THROW(view->get(3));
  EXPECT_ANY_THROW(view->category(-1));
  EXPECT_COMPLAINT(subset(numbers(), {0, 53}), "53");
  EXPECT_COMPLAINT(subset(numbers(), {-1}), "-1");
  EXPECT_COMPLAINT(subset(nullptr, {}), "none");
}

TEST(Split, HoldsOutAShareOfEveryCategory) {
  const auto [train, held_out] = split_by_category(numbers(), 0.25, 7);
  EXPECT_EQ(counts(held_out), (std::map<int64_t, int64_t>{{0, 10}, {1, 3}, {2, 1}}));
  EXPECT_EQ(counts(train), (std::map<int64_t, int64_t>{{0, 30}, {1, 7}, {2, 1}, {3, 1}}));
  std::set<std::string> all = names(train);
  for (const std::string& name : names(held_out))
    EXPECT_TRUE(all.insert(name).second) << name << " is in both";
  EXPECT_EQ(all.size(), 53U);
}

TEST(Split, ExtremeSharesLeaveSomethingOnBothSides) {
  EXPECT_EQ(counts(split_by_category(numbers(), 0.001, 0).second),
            (std::map<int64_t, int64_t>{{0, 1}, {1, 1}, {2, 1}}));
  EXPECT_EQ(counts(split_by_category(numbers(), 0.999, 0).first),
            (std::map<int64_t, int64_t>{{0, 1}, {1, 1}, {2, 1}, {3, 1}}));
}

TEST(Split, CountsAreKept) {
  EXPECT_EQ(counts(split_by_category_count(numbers(), 4, 0).second),
            (std::map<int64_t, int64_t>{{0, 4}, {1, 4}, {2, 1}}));
}

TEST(Split, TheSeedFixesIt) {
  EXPECT_EQ(names(split_by_category(numbers(), 0.5, 1).first),
            names(split_by_category(numbers(), 0.5, 1).first));
  EXPECT_NE(names(split_by_category(numbers(), 0.5, 1).first),
            names(split_by_category(numbers(), 0.5, 2).first));
}

TEST(Split, ImpossibleOnesAreTold) {
  const train::DatasetPtr singles = std::make_shared<Numbers>(std::vector<int64_t>{0, 1, 2});
  EXPECT_COMPLAINT(split_by_category(singles, 0.5, 0), "two shapes", "got 3");
  EXPECT_COMPLAINT(split_by_category(numbers(), 0, 0), "fraction");
  EXPECT_COMPLAINT(split_by_category(numbers(), 1, 0), "fraction");
  EXPECT_COMPLAINT(split_by_category(numbers(), std::nan(""), 0), "fraction");
  EXPECT_COMPLAINT(split_by_category_count(numbers(), 0, 0), "got 0");
  EXPECT_COMPLAINT(split_by_category(nullptr, 0.5, 0), "none");
}

}  // namespace
}  // namespace pointattn::datasets
