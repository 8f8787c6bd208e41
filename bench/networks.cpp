// SPDX-License-Identifier: Apache-2.0
// Operators and whole networks against the same in eager LibTorch, in one run and one table.
//
//   bench_networks [--runs R] [--only-pct]
//
// Eager counterparts: kNN by torch.cdist and topk; farthest point sampling by the usual loop of
// whole-cloud operations; vector attention over neighbours composed of [N,K,C] tensors, as in
// training; PCT's networks for part segmentation and classification with the doubly normalised N×N
// map stored, from the same weights.
#include "pointattn/core/point_batch.h"
#include "pointattn/models/point_transformer.h"
#include "pointattn/nn/sampling.h"
#include "pointattn/nn/vector_attention.h"
#include "pointattn/ops/farthest_point_sample.h"
#include "pointattn/ops/interpolate.h"
#include "pointattn/ops/knn.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/support/eager_pct.h"
#include "bench/support/measure.h"
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using namespace pointattn;
using bench::Measurement;

constexpr int64_t kNeighbors = 16;

void print(const char* what, int64_t n, const std::vector<Measurement>& results) {
  std::printf("%-34s %8ld %10.2f %8.0f %10.2f %8.0f %7.2fx\n",
              what,
              static_cast<long>(n),
              results[0].median_ms,
              static_cast<double>(results[0].peak_bytes) / 1e6,
              results[1].median_ms,
              static_cast<double>(results[1].peak_bytes) / 1e6,
              results[1].median_ms / results[0].median_ms);
  std::fflush(stdout);
}

void bench_operators(int runs) {
  for (const int64_t n : {1024, 4096, 16384}) {
    const at::Tensor xyz = at::rand({n, 3});
    const at::Tensor offsets = offsets_of({n});
    print("knn k=16 / cdist + topk",
          n,
          bench::measure({[&] { ops::knn(xyz, xyz, offsets, offsets, kNeighbors); },
                          [&] { at::cdist(xyz, xyz).topk(kNeighbors, 1, /*largest=*/false); }},
                         runs));
    const int64_t count = n / 4;
    const at::Tensor counts = at::tensor({count}, at::kLong);
    print("farthest points N/4 / loop",
          n,
          bench::measure({[&] { ops::farthest_point_sample(xyz, offsets, counts); },
                          [&] { bench::eager_farthest(xyz.unsqueeze(0), count); }},
                         runs));
    const at::Tensor few = xyz.narrow(0, 0, count).contiguous();
    const at::Tensor feat = at::randn({count, 128});
    print("interpolate C=128 / cdist + topk",
          n,
          bench::measure(
              {[&] { ops::interpolate(xyz, few, feat, offsets, offsets_of({count})); },
               [&] {
                 const auto [distance, index] = at::cdist(xyz, few).topk(3, 1, /*largest=*/false);
                 const at::Tensor weight = 1 / (distance.square() + 1e-8);
                 const at::Tensor near = feat.index_select(0, index.reshape(-1)).view({n, 3, 128});
                 (near * (weight / weight.sum(1, true)).unsqueeze(2)).sum(1);
               }},
              runs));
  }
}

/// The sizes of Point Transformer's levels with N points on the first, and its two ways through.
void bench_vector_attention(int runs) {
  for (const int64_t n : {2048, 8192}) {
    for (const auto& [points, channels, k] :
         {std::array{n, int64_t{32}, int64_t{8}}, {n / 4, 64, 16}, {n / 16, 128, 16}}) {
      nn::VectorAttention fused(channels), composed(channels);
      fused->eval();
      composed->eval();
      fused->freeze(nn::Precision::kFloat32);
      const PointBatch batch = PointBatch::of({at::rand({points, 3})});
      const at::Tensor index = nn::nearest(batch, batch, k);
      const at::Tensor feat = at::randn({points, channels});
      const std::string what = "vector attention C=" + std::to_string(channels);
      print((what + " K=" + std::to_string(k)).c_str(),
            points,
            bench::measure(
                {[&] { fused(feat, batch.xyz, index); }, [&] { composed(feat, batch.xyz, index); }},
                runs));
    }
  }
}

void bench_point_transformer(int runs) {
  for (const int64_t n : {2048, 8192}) {
    const auto frozen = std::make_shared<models::PointTransformerClassifier>(40, 32);
    const auto composed = std::make_shared<models::PointTransformerClassifier>(40, 32);
    models::freeze(*frozen);
    composed->eval();
    const PointBatch batch = PointBatch::of({at::rand({n, 3}) * 2 - 1});
    print("Point Transformer, frozen / not",
          n,
          bench::measure(
              {[&] { frozen->forward(batch, {}); }, [&] { composed->forward(batch, {}); }}, runs));
  }
}

/// Stops the program unless both networks compute the same.
void expect_same(const at::Tensor& ours, const at::Tensor& eager) {
  const double difference = (ours - eager).abs().max().item<double>();
  if (difference <= 1e-3) return;
  std::fprintf(stderr, "bench_networks: the two networks differ by %g\n", difference);
  std::exit(1);
}

struct Clouds {
  at::Tensor xyz;  // [B,N,3]
  PointBatch batch;

  Clouds(int64_t clouds, int64_t n)
      : xyz(at::rand({clouds, n, 3}) * 2 - 1),
        batch{xyz.view({-1, 3}), at::Tensor(), at::arange(clouds + 1, at::kLong) * n} {}
};

void bench_pct_segmentation(int runs) {
  const auto network = bench::make_pct_segmenter();
  models::freeze(*network);
  const bench::EagerPctSegmenter eager(*network);
  for (const auto& [clouds, n] :
       {std::pair{1, 1024}, {1, 2048}, {1, 4096}, {1, 8192}, {8, 1024}, {8, 2048}}) {
    const Clouds input(clouds, n);
    const at::Tensor category = at::full({clouds}, 3, at::kLong);
    const at::Tensor one_hot = at::one_hot(category, 16).to(at::kFloat);
    expect_same(network->forward(input.batch, category).scores, eager(input.xyz, one_hot, false));
    const std::string what = "PCT part segmentation, B=" + std::to_string(clouds);
    print(what.c_str(),
          n,
          bench::measure({[&] { network->forward(input.batch, category); },
                          [&] { eager(input.xyz, one_hot, false); }},
                         runs));
  }
}

void bench_pct_classification(int runs) {
  const auto network = bench::make_pct_classifier();
  models::freeze(*network);
  const bench::EagerPctClassifier eager(*network);
  for (const auto& [clouds, n] : {std::pair{1, 1024}, {1, 2048}, {8, 1024}, {32, 1024}}) {
    const Clouds input(clouds, n);
    expect_same(network->forward(input.batch, {}).scores, eager(input.xyz, false));
    const std::string what = "PCT classification, B=" + std::to_string(clouds);
    print(
        what.c_str(),
        n,
        bench::measure(
            {[&] { network->forward(input.batch, {}); }, [&] { eager(input.xyz, false); }}, runs));
  }
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 9;
  bool only_pct = false;
  for (int i = 1; i < argc && runs > 0; ++i) {
    if (std::strcmp(argv[i], "--only-pct") == 0) {
      only_pct = true;
    } else if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
      runs = std::atoi(argv[++i]);
    } else {
      runs = 0;
    }
  }
  if (runs < 1) {
    std::fprintf(stderr, "usage: bench_networks [--runs R] [--only-pct]\n");
    return 2;
  }
  const c10::InferenceMode inference;
  at::manual_seed(1);
  std::printf(
      "float32, %d threads, product %.0f GFLOP/s\n", at::get_num_threads(), bench::gemm_peak());
  std::printf("%-34s %8s %10s %8s %10s %8s %8s\n",
              "ours / eager LibTorch",
              "N",
              "ours ms",
              "MB",
              "eager ms",
              "MB",
              "faster");
  if (!only_pct) {
    bench_operators(runs);
    bench_vector_attention(runs);
    bench_point_transformer(runs);
  }
  bench_pct_segmentation(runs);
  bench_pct_classification(runs);
  return 0;
}
