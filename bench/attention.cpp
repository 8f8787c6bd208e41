// SPDX-License-Identifier: Apache-2.0
// Offset attention, or with --plain scaled dot-product attention, against the same in eager LibTorch
// (softmax and products of whole maps) and LibTorch's own fused kernel, in one run and one table.
//
//   bench_attention [--plain] [--n 512,1024,…] [--clouds B] [--heads H] [--width C] [--depth D]
//   [--runs R] [--no-peers] [--only-ours-from N] [--forward | --train] [--svg FILE]
//
// C and D are those of a head; offset attention has one. "floor" is the time that the matrix
// products of the tiled algorithm alone would take at the speed of LibTorch's own product: per pair
// 2 (2 D + C) operations forward and 2 (4 D + 2 C) backward for offset attention, 2 (D + C) and
// 2 (3 D + 2 C) for plain attention; offset attention takes queries as keys, as PCT does, which
// leaves 2 (D + C) forward and 2 (2 D + 2 C) backward. Memory is the most held beyond the inputs
// (outputs included). The picture shows time and memory against N.
#include "pointattn/ops/attention.h"

#include "pointattn/ops/offset_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/support/measure.h"
#include "bench/support/plot.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using pointattn::bench::Curve;
using pointattn::bench::Measurement;

struct Options {
  std::vector<int64_t> sizes{512, 1024, 2048, 4096, 8192};
  bool plain = false;
  int64_t clouds = 1;
  int64_t heads = 1;
  int64_t width = 128;
  int64_t depth = 32;
  int runs = 9;
  bool peers = true;
  bool forward = true;
  bool train = true;
  int64_t only_ours_from = std::numeric_limits<int64_t>::max();
  std::string svg;
};

/// Nothing when the command line is wrong.
std::optional<Options> parse(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--no-peers") {
      options.peers = false;
    } else if (name == "--plain") {
      options.plain = true;
    } else if (name == "--train") {
      options.forward = false;
    } else if (name == "--forward") {
      options.train = false;
    } else if (i + 1 == arguments.size()) {
      return std::nullopt;
    } else if (name == "--svg") {
      options.svg = arguments[++i];
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
      } else if (name == "--heads") {
        options.heads = values[0];
      } else if (name == "--width") {
        options.width = values[0];
      } else if (name == "--depth") {
        options.depth = values[0];
      } else if (name == "--runs") {
        options.runs = static_cast<int>(values[0]);
      } else if (name == "--only-ours-from") {
        options.only_ours_from = values[0];
      } else {
        return std::nullopt;
      }
    }
  }
  if (!options.plain && options.heads != 1) return std::nullopt;
  return options;
}

/// One operator of one size, its peers, and what it costs at least.
struct Problem {
  std::vector<at::Tensor> inputs;
  at::Tensor grad;
  std::vector<std::function<at::Tensor()>> candidates;  // ours first
  double forward_products, backward_products;           // multiply-adds

  /// One call, without gradients or with all of them.
  std::function<void()> call(size_t candidate, bool train) const {
    return [this, candidate, train] {
      if (train) {
        torch::autograd::grad({candidates[candidate]()}, inputs, {grad});
      } else {
        const c10::InferenceMode guard;
        candidates[candidate]();
      }
    };
  }
};

/// q is both query and key, as in PCT. q [B,N,D], v [B,N,C].
at::Tensor eager_offset_attention(const at::Tensor& q, const at::Tensor& v) {
  const at::Tensor map = at::softmax(at::matmul(q, q.transpose(1, 2)), 2);
  return at::matmul((map / (1e-9 + map.sum(1, true))).transpose(1, 2), v);
}

Problem offset_problem(const Options& options, int64_t points) {
  const int64_t B = options.clouds;
  const int64_t D = options.depth;
  const int64_t C = options.width;
  const at::Tensor q = (at::randn({B * points, D}) * 0.5).requires_grad_();
  const at::Tensor v = at::randn({B * points, C}).requires_grad_();
  const at::Tensor offsets = at::arange(B + 1, at::kLong) * points;
  const auto pairs = static_cast<double>(B * points * points);
  return {{q, v},
          at::randn({B * points, C}),
          {[=] { return pointattn::ops::offset_attention(q, q, v, offsets); },
           [=] {
             return eager_offset_attention(q.view({B, points, D}), v.view({B, points, C}))
                 .view({B * points, C});
           }},
          pairs * static_cast<double>(D + C),
          pairs * static_cast<double>(2 * D + 2 * C)};
}

Problem plain_problem(const Options& options, int64_t points) {
  const int64_t B = options.clouds;
  const int64_t H = options.heads;
  const int64_t D = options.depth;
  const int64_t C = options.width;
  const double scale = 1 / std::sqrt(static_cast<double>(D));
  const auto input = [&](int64_t width) {
    return at::randn({B * points, H, width}).requires_grad_();
  };
  const at::Tensor q = input(D);
  const at::Tensor k = input(D);
  const at::Tensor v = input(C);
  const at::Tensor offsets = at::arange(B + 1, at::kLong) * points;
  const auto heads_first = [=](const at::Tensor& t) {
    return t.view({B, points, H, t.size(2)}).transpose(1, 2);
  };
  const auto rows_first = [=](const at::Tensor& t) {
    return t.transpose(1, 2).reshape({B * points, H, C});
  };
  const auto pairs = static_cast<double>(B * H * points * points);
  return {{q, k, v},
          at::randn({B * points, H, C}),
          {[=] { return pointattn::ops::attention(q, k, v, offsets, offsets, {}, scale); },
           [=] {
             const at::Tensor map =
                 at::softmax(at::matmul(heads_first(q), heads_first(k).transpose(2, 3)) * scale, 3);
             return rows_first(at::matmul(map, heads_first(v)));
           },
           [=] {  // falls back to whole maps where C is not D
             return rows_first(at::scaled_dot_product_attention(
                 heads_first(q), heads_first(k), heads_first(v), {}, 0.0, false, scale));
           }},
          pairs * static_cast<double>(D + C),
          pairs * static_cast<double>(3 * D + 2 * C)};
}

const char* name_of(bool plain, size_t candidate) {
  if (candidate == 0) return "pointattn";
  return candidate == 1 ? "eager" : plain ? "fused" : "";
}

/// Time and memory of forward, or of forward and backward, against N.
struct Growth {
  std::vector<Curve> time, memory;

  void add(bool plain, int64_t points, const std::vector<Measurement>& results) {
    time.resize(std::max(time.size(), results.size()));
    memory.resize(time.size());
    for (size_t i = 0; i < results.size(); ++i) {
      time[i].name = memory[i].name = name_of(plain, i);
      const auto n = static_cast<double>(points);
      time[i].points.emplace_back(n, results[i].median_ms);
      if (results[i].peak_bytes > 0) {
        memory[i].points.emplace_back(n, static_cast<double>(results[i].peak_bytes) / 1e6);
      }
    }
  }
};

void print_row(const Options& options, int64_t points, bool train, double peak, Growth& growth) {
  at::manual_seed(1);
  const Problem problem =
      options.plain ? plain_problem(options, points) : offset_problem(options, points);
  std::vector<std::function<void()>> calls;
  const bool peers = options.peers && points < options.only_ours_from;
  for (size_t c = 0; c < (peers ? problem.candidates.size() : 1); ++c) {
    calls.push_back(problem.call(c, train));
  }
  const auto results = pointattn::bench::measure(calls, options.runs);
  growth.add(options.plain, points, results);
  const double products = problem.forward_products + (train ? problem.backward_products : 0);
  std::printf("%7ld  %-16s %9.2f",
              static_cast<long>(points),
              train ? "forward+backward" : "forward",
              2 * products / peak * 1e-6);
  for (const Measurement& result : results) {
    std::printf(" %10.2f %9.2f %8.0f",
                result.median_ms,
                result.best_ms,
                static_cast<double>(result.peak_bytes) / 1e6);
    if (&result == results.data()) continue;
    std::printf(" %7.2fx %6.2fx",
                result.median_ms / results[0].median_ms,
                result.best_ms / results[0].best_ms);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Options> options = parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!options) {
    std::fprintf(stderr,
                 "usage: bench_attention [--plain [--heads H]] [--n LIST] [--clouds B] [--width C] "
                 "[--depth D] [--runs R] [--no-peers] [--only-ours-from N] [--forward | --train] "
                 "[--svg FILE]\n");
    return 2;
  }
  const double peak = pointattn::bench::gemm_peak();
  std::printf(
      "%s attention, float32, %ld cloud(s) of N points, H=%ld, C=%ld, D=%ld; %d threads, product "
      "%.0f GFLOP/s\n",
      options->plain ? "plain" : "offset",
      static_cast<long>(options->clouds),
      static_cast<long>(options->heads),
      static_cast<long>(options->width),
      static_cast<long>(options->depth),
      at::get_num_threads(),
      peak);
  std::printf("%7s  %-16s %9s %10s %9s %8s", "N", "pass", "floor ms", "ours ms", "best", "MB");
  for (const char* peer : {"eager ms", "fused ms"}) {
    const bool shown = options->peers && (options->plain || std::string(peer) == "eager ms");
    if (shown) std::printf(" %10s %9s %8s %8s %7s", peer, "best", "MB", "slower", "best");
  }
  std::printf("\n");
  Growth forward, train;
  for (const int64_t points : options->sizes) {
    if (options->forward) print_row(*options, points, false, peak, forward);
    if (options->train) print_row(*options, points, true, peak, train);
  }
  if (options->svg.empty()) return 0;
  std::vector<pointattn::bench::Panel> panels;
  for (const auto& [title, growth] :
       {std::pair{"forward", &forward}, {"forward and backward", &train}}) {
    if (growth->time.empty()) continue;
    panels.push_back({std::string(title) + ": time", "N", "ms", growth->time});
    panels.push_back(
        {std::string(title) + ": memory beyond the inputs", "N", "MB", growth->memory});
  }
  try {
    pointattn::bench::plot_log_log(options->svg, panels);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_attention: %s\n", error.what());
    return 1;
  }
  return 0;
}
