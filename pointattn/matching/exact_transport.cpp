// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/exact_transport.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace pointattn::matching {

ExactTransport::ExactTransport(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
  TORCH_CHECK_VALUE(
      rows > 0 && columns > 0, "transport: expected rows and columns, got ", rows, " x ", columns);
  units_ = std::lcm(rows, columns);
  flow_.resize(rows * columns);
  supply_.resize(rows);
  room_.resize(columns);
  row_price_.resize(rows);
  column_price_.resize(columns);
  row_distance_.resize(rows);
  column_distance_.resize(columns);
  row_from_.resize(rows);
  column_from_.resize(columns);
  row_done_.resize(rows);
  column_done_.resize(columns);
}

void ExactTransport::solve(const double* cost, double* plan) {
  cost_ = cost;
  std::fill(flow_.begin(), flow_.end(), 0);
  std::fill(supply_.begin(), supply_.end(), units_ / rows_);
  std::fill(room_.begin(), room_.end(), units_ / columns_);
  std::fill(column_price_.begin(), column_price_.end(), 0.0);
  for (int64_t row = 0; row < rows_; ++row) {
    row_price_[row] = *std::min_element(cost + row * columns_, cost + (row + 1) * columns_);
  }
  for (int64_t row = 0; row < rows_; ++row) {
    while (supply_[row] > 0) {
      const int64_t column = nearest_open_column(row);
      update_potentials(column_distance_[column]);
      augment(row, column);
    }
  }
  for (size_t i = 0; i < flow_.size(); ++i) {
    plan[i] = static_cast<double>(flow_[i]) / static_cast<double>(units_);
  }
}

int64_t ExactTransport::nearest_open_column(int64_t source) {
  std::fill(row_done_.begin(), row_done_.end(), 0);
  std::fill(column_done_.begin(), column_done_.end(), 0);
  std::fill(
      column_distance_.begin(), column_distance_.end(), std::numeric_limits<double>::infinity());
  row_from_[source] = -1;
  relax(source, 0.0);
  while (true) {
    // Some column is left: all of them full would leave no supply.
    int64_t next = -1;
    for (int64_t column = 0; column < columns_; ++column) {
      if (column_done_[column]) continue;
      if (next < 0 || column_distance_[column] < column_distance_[next]) next = column;
    }
    TORCH_INTERNAL_ASSERT(next >= 0);
    if (room_[next] > 0) return next;
    column_done_[next] = 1;
    // Flow may be taken back, which costs nothing where prices meet the cost.
    for (int64_t row = 0; row < rows_; ++row) {
      if (row_done_[row] || flow(row, next) == 0) continue;
      row_from_[row] = next;
      relax(row, column_distance_[next]);
    }
  }
}

void ExactTransport::relax(int64_t row, double distance) {
  row_done_[row] = 1;
  row_distance_[row] = distance;
  const double* cost = cost_ + row * columns_;
  for (int64_t column = 0; column < columns_; ++column) {
    if (column_done_[column]) continue;
    // Never below zero but for rounding.
    const double step = std::max(0.0, cost[column] - row_price_[row] - column_price_[column]);
    if (distance + step < column_distance_[column]) {
      column_distance_[column] = distance + step;
      column_from_[column] = row;
    }
  }
}

void ExactTransport::update_potentials(double distance) {
  for (int64_t row = 0; row < rows_; ++row) {
    if (row_done_[row]) row_price_[row] += distance - row_distance_[row];
  }
  for (int64_t column = 0; column < columns_; ++column) {
    if (column_done_[column]) column_price_[column] -= distance - column_distance_[column];
  }
}

void ExactTransport::augment(int64_t source, int64_t column) {
  int64_t amount = std::min(supply_[source], room_[column]);
  for (int64_t to = column; row_from_[column_from_[to]] >= 0; to = row_from_[column_from_[to]]) {
    amount = std::min(amount, flow(column_from_[to], row_from_[column_from_[to]]));
  }
  for (int64_t to = column; to >= 0; to = row_from_[column_from_[to]]) {
    const int64_t row = column_from_[to];
    flow(row, to) += amount;
    if (row_from_[row] >= 0) flow(row, row_from_[row]) -= amount;
  }
  supply_[source] -= amount;
  room_[column] -= amount;
}

}  // namespace pointattn::matching
