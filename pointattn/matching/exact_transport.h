// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace pointattn::matching {

/// Optimal transport between `rows` and `columns` uniform masses that both sum to one (the
/// transportation problem of Hitchcock 1941), exactly: masses are counted in units of
/// 1 / lcm(rows, columns), so the flow is integral, and shortest augmenting paths with potentials
/// (Edmonds & Karp 1972) keep it optimal after every step. O(lcm · (rows + columns)²) at worst.
/// One object serves one thread; solve() may be called again and again.
class ExactTransport {
 public:
  /// Throws c10::ValueError when rows or columns are not positive.
  ExactTransport(int64_t rows, int64_t columns);

  /// cost: finite, [rows, columns] row by row → plan, laid out alike, rows sum to 1/rows, columns
  /// to 1/columns, with the least Σ plan · cost. Where several plans are best, it is one of them,
  /// the same every time.
  void solve(const double* cost, double* plan);

 private:
  /// Distances from row `source` until a column with room is reached; that column.
  int64_t nearest_open_column(int64_t source);
  void relax(int64_t row, double distance);
  void update_potentials(double distance);
  void augment(int64_t source, int64_t column);
  int64_t& flow(int64_t row, int64_t column) { return flow_[row * columns_ + column]; }

  int64_t rows_;
  int64_t columns_;
  int64_t units_;  ///< lcm(rows, columns)
  const double* cost_ = nullptr;
  std::vector<int64_t> flow_;                     ///< [rows, columns], in units
  std::vector<int64_t> supply_, room_;            ///< what is left of each row and column
  std::vector<double> row_price_, column_price_;  ///< row + column ≤ cost, equal where flow is
  std::vector<double> row_distance_, column_distance_;
  std::vector<int64_t> row_from_, column_from_;  ///< the step before on the shortest path
  std::vector<char> row_done_, column_done_;
};

}  // namespace pointattn::matching
