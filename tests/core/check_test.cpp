// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

TEST(ShapeCheck, BindsNamesAndSaysWhatCame) {
  ShapeCheck check("knn");
  check(at::zeros({5, 3}), "query", {"M", 3});
  EXPECT_EQ(check["M"], 5);
  EXPECT_EQ(message_of([&] {
              check(at::zeros({4, 2}), "points", {"M", 3});
            }),
            "knn: expected points [M,3] with M=5, got [4,2]");
  EXPECT_EQ(message_of([&] {
              check(at::zeros({4}), "points", {"N", 3});
            }),
            "knn: expected points [N,3], got [4]");
}

TEST(CheckFinite, NamesTheRow) {
  at::Tensor points = at::zeros({7, 3});
  check_finite("fps", points, "points");
  points[4][1] = std::nan("");
  EXPECT_EQ(message_of([&] { check_finite("fps", points, "points"); }),
            "fps: expected finite points, got NaN or infinity in row 4");
}

TEST(CheckFinite, LargeFiniteValuesPass) {
  check_finite("fps", at::full({100, 3}, 3e38), "points");
}

TEST(CheckedOffsets, RefusesEveryKindOfNonsense) {
  const auto offsets = [](std::vector<int64_t> rows) { return at::tensor(rows); };
  EXPECT_EQ(checked_offsets("op", offsets({0, 2, 2, 5}), "offsets", 5),
            (std::vector<int64_t>{0, 2, 2, 5}));
  for (const auto& bad :
       {offsets({1, 5}), offsets({0, 3, 2, 5}), offsets({0, 4}), at::tensor({0, 5}, at::kInt)}) {
    EXPECT_THROW(checked_offsets("op", bad, "offsets", 5), c10::ValueError) << bad;
  }
}

}  // namespace
}  // namespace pointattn
