// SPDX-License-Identifier: Apache-2.0
#include "tests/matching/reference.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pointattn::matching::reference {
namespace {

using Row = std::vector<double>;

double dot(const Row& a, const Row& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double cosine(const Row& a, const Row& b) {
  const double lengths = std::sqrt(dot(a, a)) * std::sqrt(dot(b, b));
  return lengths > 1e-14 ? dot(a, b) / lengths : 0.0;
}

Matrix cosine_matrix(const Matrix& phrases, const Matrix& parts) {
  Matrix all(phrases.size(), Row(parts.size()));
  for (size_t w = 0; w < phrases.size(); ++w) {
    for (size_t r = 0; r < parts.size(); ++r) all[w][r] = cosine(phrases[w], parts[r]);
  }
  return all;
}

/// Σ weights · unit rows
Row mix(const Matrix& rows, const Row& weights) {
  Row sum(rows[0].size(), 0.0);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double length = std::sqrt(dot(rows[i], rows[i]));
    for (size_t e = 0; e < sum.size() && length > 0; ++e)
      sum[e] += weights[i] * rows[i][e] / length;
  }
  return sum;
}

double late(const Matrix& c) {
  double phrases = 0;
  for (const Row& row : c) phrases += *std::max_element(row.begin(), row.end());
  double parts = 0;
  for (size_t r = 0; r < c[0].size(); ++r) {
    double best = -2;
    for (const Row& row : c) best = std::max(best, row[r]);
    parts += best;
  }
  return (phrases / static_cast<double>(c.size()) + parts / static_cast<double>(c[0].size())) / 2;
}

double sinkhorn(const Matrix& c, double regularization, int64_t iterations) {
  const size_t W = c.size(), R = c[0].size();
  Row u(W, 1.0), v(R, 1.0);
  const auto kernel = [&](size_t w, size_t r) { return std::exp((c[w][r] - 1) / regularization); };
  for (int64_t i = 0; i < iterations; ++i) {
    for (size_t w = 0; w < W; ++w) {
      double sum = 0;
      for (size_t r = 0; r < R; ++r) sum += kernel(w, r) * v[r];
      u[w] = 1 / (static_cast<double>(W) * sum);
    }
    for (size_t r = 0; r < R; ++r) {
      double sum = 0;
      for (size_t w = 0; w < W; ++w) sum += kernel(w, r) * u[w];
      v[r] = 1 / (static_cast<double>(R) * sum);
    }
  }
  double score = 0;
  for (size_t w = 0; w < W; ++w) {
    for (size_t r = 0; r < R; ++r) score += u[w] * kernel(w, r) * v[r] * c[w][r];
  }
  return score;
}

/// lcm(W, R) copies on each side have equal masses, so an assignment of them is a best plan
/// (Birkhoff). All permutations: only for a small lcm.
double transport(const Matrix& c) {
  const size_t copies = std::lcm(c.size(), c[0].size());
  Matrix cost(copies, Row(copies));
  for (size_t i = 0; i < copies; ++i) {
    for (size_t j = 0; j < copies; ++j) {
      cost[i][j] = 1 - c[i / (copies / c.size())][j / (copies / c[0].size())];
    }
  }
  return 1 - best_assignment(cost);
}

double cross(const Matrix& phrases, const Matrix& parts, const Matrix& c, double temperature) {
  double score = 0;
  for (size_t w = 0; w < phrases.size(); ++w) {
    Row attention;
    for (const double value : c[w]) attention.push_back(std::exp(value / temperature));
    const double sum = std::accumulate(attention.begin(), attention.end(), 0.0);
    for (double& share : attention) share /= sum;
    score += cosine(phrases[w], mix(parts, attention));
  }
  return score / static_cast<double>(phrases.size());
}

}  // namespace

Matrix rows_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.to(at::kCPU, at::kDouble).contiguous();
  Matrix matrix;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows.const_data_ptr<double>() + i * rows.size(1);
    matrix.emplace_back(row, row + rows.size(1));
  }
  return matrix;
}

double best_assignment(const Matrix& cost) {
  std::vector<size_t> order(cost.size());
  std::iota(order.begin(), order.end(), 0);
  double best = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (size_t i = 0; i < cost.size(); ++i) sum += cost[i][order[i]];
    best = std::min(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best / static_cast<double>(cost.size());
}

double score(const ScoreOptions& options, const Matrix& phrases, const Matrix& parts) {
  const Matrix c = cosine_matrix(phrases, parts);
  if (options.kind == "late") return late(c);
  if (options.kind == "sinkhorn") return sinkhorn(c, options.regularization, options.iterations);
  if (options.kind == "transport") return transport(c);
  if (options.kind == "cross") return cross(phrases, parts, c, options.temperature);
  return cosine(mix(phrases, Row(phrases.size(), 1.0)), mix(parts, Row(parts.size(), 1.0)));
}

}  // namespace pointattn::matching::reference
