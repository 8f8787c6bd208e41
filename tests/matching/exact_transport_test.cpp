// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/exact_transport.h"

#include "tests/matching/reference.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace pointattn::matching {
namespace {

std::vector<double> random_cost(int64_t rows, int64_t columns, uint64_t seed, bool whole) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> real(-1.0, 3.0);
  std::vector<double> cost(static_cast<size_t>(rows * columns));
  for (double& value : cost) value = whole ? static_cast<double>(random() % 4) : real(random);
  return cost;
}

double total(const std::vector<double>& plan, const std::vector<double>& cost) {
  return std::inner_product(plan.begin(), plan.end(), cost.begin(), 0.0);
}

void expect_masses(const std::vector<double>& plan, int64_t rows, int64_t columns) {
  for (const double share : plan) EXPECT_GE(share, 0.0);
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t column = 0; column < columns; ++column) sum += plan[row * columns + column];
    EXPECT_NEAR(sum, 1.0 / static_cast<double>(rows), 1e-12);
  }
  for (int64_t column = 0; column < columns; ++column) {
    double sum = 0;
    for (int64_t row = 0; row < rows; ++row) sum += plan[row * columns + column];
    EXPECT_NEAR(sum, 1.0 / static_cast<double>(columns), 1e-12);
  }
}

/// Least cost over all assignments of copies that make the masses equal.
double brute_force(const std::vector<double>& cost, int64_t rows, int64_t columns) {
  const int64_t copies = std::lcm(rows, columns);
  reference::Matrix matrix(copies, std::vector<double>(copies));
  for (int64_t i = 0; i < copies; ++i) {
    for (int64_t j = 0; j < copies; ++j) {
      matrix[i][j] = cost[i * rows / copies * columns + j * columns / copies];
    }
  }
  return reference::best_assignment(matrix);
}

TEST(ExactTransport, IsNoWorseThanAnyAssignment) {
  for (int64_t rows = 1; rows <= 6; ++rows) {
    for (int64_t columns = 1; columns <= 6; ++columns) {
      if (std::lcm(rows, columns) > 6) continue;
      ExactTransport transport(rows, columns);
      for (uint64_t seed = 0; seed < 40; ++seed) {
        const std::vector<double> cost = random_cost(rows, columns, seed, seed % 2 == 1);
        std::vector<double> plan(cost.size());
        transport.solve(cost.data(), plan.data());
        expect_masses(plan, rows, columns);
        EXPECT_NEAR(total(plan, cost), brute_force(cost, rows, columns), 1e-12)
            << rows << " x " << columns << ", seed " << seed;
      }
    }
  }
}

TEST(ExactTransport, SizesWithoutACommonFactorEqualTheSquareProblemOfTheirCopies) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{6, 8}, {8, 6}, {7, 5}, {3, 17}}) {
    const int64_t copies = std::lcm(rows, columns);
    ExactTransport transport(rows, columns), square(copies, copies);
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const std::vector<double> cost = random_cost(rows, columns, seed, seed % 2 == 1);
      std::vector<double> copied(static_cast<size_t>(copies * copies));
      for (int64_t i = 0; i < copies; ++i) {
        for (int64_t j = 0; j < copies; ++j) {
          copied[i * copies + j] = cost[i * rows / copies * columns + j * columns / copies];
        }
      }
      std::vector<double> plan(cost.size()), of_copies(copied.size());
      transport.solve(cost.data(), plan.data());
      square.solve(copied.data(), of_copies.data());
      expect_masses(plan, rows, columns);
      EXPECT_NEAR(total(plan, cost), total(of_copies, copied), 1e-12);
    }
  }
}

TEST(ExactTransport, ByHand) {
  // Each row's cheapest column is the first: the second row loses least by giving way.
  const std::vector<double> cost = {1, 5, 2, 3};
  std::vector<double> plan(4);
  ExactTransport transport(2, 2);
  transport.solve(cost.data(), plan.data());
  EXPECT_EQ(plan, (std::vector<double>{0.5, 0, 0, 0.5}));
  // The same object again, the other way round.
  const std::vector<double> turned = {5, 1, 3, 2};
  transport.solve(turned.data(), plan.data());
  EXPECT_EQ(plan, (std::vector<double>{0, 0.5, 0.5, 0}));
}

TEST(ExactTransport, RefusesNothingToCarry) {
  EXPECT_THROW(ExactTransport(0, 3), c10::ValueError);
  EXPECT_THROW(ExactTransport(3, -1), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::matching
