// SPDX-License-Identifier: Apache-2.0
// A training step of PCT, part segmentation and classification (forward, cross entropy, backward),
// against the same in eager LibTorch, in one run and one table.
//
//   bench_training [--runs R]
#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/support/eager_pct.h"
#include "bench/support/measure.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

namespace {

using namespace pointattn;

using Parameters = std::vector<at::Tensor>;

void step(const at::Tensor& scores, const at::Tensor& truth, const Parameters& parameters) {
  torch::autograd::grad({at::cross_entropy_loss(scores, truth)}, parameters);
}

void print_row(const char* task,
               int64_t clouds,
               int64_t points,
               int runs,
               const std::vector<std::function<void()>>& steps) {
  const auto results = bench::measure(steps, runs, 120);
  std::printf("%-18s %5ld %6ld %10.0f %8.0f %10.0f %8.0f %7.2fx\n",
              task,
              static_cast<long>(clouds),
              static_cast<long>(points),
              results[0].median_ms,
              static_cast<double>(results[0].peak_bytes) / 1e6,
              results[1].median_ms,
              static_cast<double>(results[1].peak_bytes) / 1e6,
              results[1].median_ms / results[0].median_ms);
  std::fflush(stdout);
}

void segmentation(int64_t clouds, int64_t points, int runs) {
  const auto network = bench::make_pct_segmenter();
  network->train();
  const bench::EagerPctSegmenter eager(*network);
  const at::Tensor xyz = at::rand({clouds, points, 3}) * 2 - 1;
  const at::Tensor category = at::arange(clouds, at::kLong) % 16;
  const at::Tensor one_hot = at::one_hot(category, 16).to(at::kFloat);
  const at::Tensor truth = at::randint(0, 50, {clouds * points}, at::kLong);
  const PointBatch batch{
      xyz.view({-1, 3}), at::Tensor(), at::arange(clouds + 1, at::kLong) * points};
  const Parameters own = network->parameters(), theirs = eager.parameters();
  print_row("part segmentation",
            clouds,
            points,
            runs,
            {[&] { step(network->forward(batch, category).scores, truth, own); },
             [&] { step(eager(xyz, one_hot, /*training=*/true), truth, theirs); }});
}

void classification(int64_t clouds, int64_t points, int runs) {
  const auto network = bench::make_pct_classifier();
  network->train();
  const bench::EagerPctClassifier eager(*network);
  const at::Tensor xyz = at::rand({clouds, points, 3}) * 2 - 1;
  const at::Tensor truth = at::randint(0, 40, {clouds}, at::kLong);
  const PointBatch batch{
      xyz.view({-1, 3}), at::Tensor(), at::arange(clouds + 1, at::kLong) * points};
  const Parameters own = network->parameters(), theirs = eager.parameters();
  print_row("classification",
            clouds,
            points,
            runs,
            {[&] { step(network->forward(batch, {}).scores, truth, own); },
             [&] { step(eager(xyz, /*training=*/true), truth, theirs); }});
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 5;
  if (argc == 3 && std::strcmp(argv[1], "--runs") == 0) {
    runs = std::atoi(argv[2]);
  } else if (argc != 1) {
    runs = 0;
  }
  if (runs < 1) {
    std::fprintf(stderr, "usage: bench_training [--runs R]\n");
    return 2;
  }
  at::manual_seed(1);
  std::printf(
      "float32, %d threads, product %.0f GFLOP/s\n", at::get_num_threads(), bench::gemm_peak());
  std::printf("%-18s %5s %6s %10s %8s %10s %8s %8s\n",
              "",
              "B",
              "N",
              "ours ms",
              "MB",
              "eager ms",
              "MB",
              "faster");
  segmentation(16, 1024, runs);
  segmentation(8, 2048, runs);
  classification(32, 1024, runs);
  return 0;
}
