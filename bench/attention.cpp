// SPDX-License-Identifier: Apache-2.0
// Offset attention against the same in eager LibTorch (softmax, column sums, two matrix products),
// in one run and one table.
//
//   bench_attention [--n 512,1024,…] [--clouds B] [--width C] [--depth D] [--runs R] [--no-eager]
//   [--forward | --train]
//
// "floor" is the time that the matrix products of the tiled algorithm alone would take at the speed
// of LibTorch's own product: 2 N² (2 D + C) operations forward, 2 N² (4 D + 2 C) backward. Memory
// is the most held beyond the inputs (outputs included).
#include "pointattn/ops/offset_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/support/measure.h"
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using pointattn::bench::Measurement;

struct Options {
  std::vector<int64_t> sizes{512, 1024, 2048, 4096, 8192};
  int64_t clouds = 1;
  int64_t width = 128;
  int64_t depth = 32;
  int runs = 9;
  bool eager = true;
  bool forward = true;
  bool train = true;
};

/// Nothing when the command line is wrong.
std::optional<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--no-eager") {
      options.eager = false;
    } else if (name == "--train") {
      options.forward = false;
    } else if (name == "--forward") {
      options.train = false;
    } else if (i + 1 == arguments.size()) {
      return std::nullopt;
    } else {
      std::vector<int64_t> values;
      std::stringstream list(arguments[++i]);
      for (std::string item; std::getline(list, item, ',');) {
        values.push_back(std::strtoll(item.c_str(), nullptr, 10));
        if (values.back() < 1) return std::nullopt;
      }
      if (values.empty()) return std::nullopt;
      if (name == "--n") {
        options.sizes = values;
      } else if (name == "--clouds") {
        options.clouds = values[0];
      } else if (name == "--width") {
        options.width = values[0];
      } else if (name == "--depth") {
        options.depth = values[0];
      } else if (name == "--runs") {
        options.runs = static_cast<int>(values[0]);
      } else {
        return std::nullopt;
      }
    }
  }
  return options;
}

/// q is both query and key, as in PCT. q [B,N,D], v [B,N,C].
at::Tensor eager(const at::Tensor& q, const at::Tensor& v) {
  const at::Tensor map = at::softmax(at::matmul(q, q.transpose(1, 2)), 2);
  return at::matmul((map / (1e-9 + map.sum(1, true))).transpose(1, 2), v);
}

struct Problem {
  at::Tensor q, v, grad, offsets;

  Problem(const Options& options, int64_t points) {
    at::manual_seed(1);
    const int64_t rows = options.clouds * points;
    q = (at::randn({rows, options.depth}) * 0.5).requires_grad_();
    v = at::randn({rows, options.width}).requires_grad_();
    grad = at::randn({rows, options.width});
    offsets = at::arange(options.clouds + 1, at::kLong) * points;
  }

  at::Tensor ours() const { return pointattn::ops::offset_attention(q, q, v, offsets); }
  at::Tensor theirs() const {
    const int64_t clouds = offsets.numel() - 1;
    return eager(q.view({clouds, -1, q.size(1)}), v.view({clouds, -1, v.size(1)})).view_as(grad);
  }
};

/// One call, without gradients or with all of them.
template <typename Function>
std::function<void()> call(const Problem& problem, bool train, const Function& function) {
  return [&problem, train, function] {
    if (train) {
      torch::autograd::grad({function()}, {problem.q, problem.v}, {problem.grad});
    } else {
      const c10::InferenceMode guard;
      function();
    }
  };
}

void print_times(const Measurement& result) {
  std::printf(" %10.2f %9.2f %8.0f",
              result.median_ms,
              result.best_ms,
              static_cast<double>(result.peak_bytes) / 1e6);
}

void print_row(const Options& options, int64_t points, bool train, double peak) {
  const Problem problem(options, points);
  const auto side = static_cast<double>(points);
  const double pairs = static_cast<double>(options.clouds) * side * side;
  const int64_t products = train ? 6 * options.depth + 3 * options.width  // both directions
                                 : 2 * options.depth + options.width;
  std::vector<std::function<void()>> candidates{
      call(problem, train, [&] { return problem.ours(); })};
  if (options.eager) candidates.push_back(call(problem, train, [&] { return problem.theirs(); }));
  const auto results = pointattn::bench::measure(candidates, options.runs);
  std::printf("%7ld  %-16s %9.2f",
              static_cast<long>(points),
              train ? "forward+backward" : "forward",
              2 * pairs * static_cast<double>(products) / peak * 1e-6);
  for (const Measurement& result : results) print_times(result);
  if (options.eager) {
    std::printf(" %8.2fx %6.2fx",
                results[1].median_ms / results[0].median_ms,
                results[1].best_ms / results[0].best_ms);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(stderr,
                 "usage: bench_attention [--n LIST] [--clouds B] [--width C] [--depth D] [--runs "
                 "R] [--no-eager] "
                 "[--forward | --train]\n");
    return 2;
  }
  const double peak = pointattn::bench::gemm_peak();
  std::printf(
      "offset attention, float32, %ld cloud(s) of N points, C=%ld, D=%ld; %d threads, product %.0f "
      "GFLOP/s\n",
      static_cast<long>(options->clouds),
      static_cast<long>(options->width),
      static_cast<long>(options->depth),
      at::get_num_threads(),
      peak);
  std::printf("%7s  %-16s %9s %10s %9s %8s", "N", "pass", "floor ms", "ours ms", "best", "MB");
  std::printf(options->eager ? " %10s %9s %8s %9s %7s\n" : "\n",
              "eager ms",
              "best",
              "MB",
              "faster",
              "best");
  for (const int64_t points : options->sizes) {
    if (options->forward) print_row(*options, points, false, peak);
    if (options->train) print_row(*options, points, true, peak);
  }
  return 0;
}
