// SPDX-License-Identifier: Apache-2.0
// A training step of PCT part segmentation (forward, cross entropy, backward) against the same in
// eager LibTorch, in one run and one table.
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

namespace {

using namespace pointattn;

void print_row(int64_t clouds, int64_t points, int runs) {
  const auto network = bench::make_pct_segmenter();
  network->train();
  const bench::EagerPct eager(*network);
  const at::Tensor xyz = at::rand({clouds, points, 3}) * 2 - 1;
  const at::Tensor category = at::arange(clouds, at::kLong) % 16;
  const at::Tensor one_hot = at::one_hot(category, 16).to(at::kFloat);
  const at::Tensor truth = at::randint(0, 50, {clouds * points}, at::kLong);
  const PointBatch batch{
      xyz.view({-1, 3}), at::Tensor(), at::arange(clouds + 1, at::kLong) * points};
  const auto step = [&](const at::Tensor& scores, const std::vector<at::Tensor>& parameters) {
    torch::autograd::grad({at::cross_entropy_loss(scores, truth)}, parameters);
  };
  const std::vector<at::Tensor> own = network->parameters();
  const std::vector<at::Tensor> theirs = eager.parameters();
  const auto results =
      bench::measure({[&] { step(network->forward(batch, category).scores, own); },
                      [&] { step(eager(xyz, one_hot, /*training=*/true), theirs); }},
                     runs,
                     120);
  std::printf("%8ld %8ld %10.0f %8.0f %10.0f %8.0f %7.2fx\n",
              static_cast<long>(clouds),
              static_cast<long>(points),
              results[0].median_ms,
              static_cast<double>(results[0].peak_bytes) / 1e6,
              results[1].median_ms,
              static_cast<double>(results[1].peak_bytes) / 1e6,
              results[1].median_ms / results[0].median_ms);
  std::fflush(stdout);
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
  std::printf(
      "%8s %8s %10s %8s %10s %8s %8s\n", "B", "N", "ours ms", "MB", "eager ms", "MB", "faster");
  print_row(16, 1024, runs);
  print_row(8, 2048, runs);
  return 0;
}
