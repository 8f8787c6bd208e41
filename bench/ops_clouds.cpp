// SPDX-License-Identifier: Apache-2.0
#include "bench/ops_clouds.h"

#include "pointattn/io/cloud.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "bench/support/measure.h"
#include <cmath>
#include <cstring>

namespace pointattn::bench {

at::Tensor make_cloud(const std::string& kind, int64_t n) {
  at::manual_seed(1);
  const at::Tensor cube = at::rand({n, 3});
  if (kind == "cube") return cube;
  if (kind == "cluster")
    return at::rand({32, 3}).index({at::randint(32, {n})}) + 0.01 * (cube - 0.5);
  if (kind == "plane") return cube * at::tensor({1.0F, 1.0F, 0.0F}) + 0.5;
  if (kind == "line") return cube.narrow(1, 0, 1) * at::tensor({1.0F, 2.0F, -1.0F});
  if (kind == "duplicates") return at::rand({n / 20, 3}).index({at::randint(n / 20, {n})});
  if (kind == "lattice") {
    return (cube * std::ceil(std::cbrt(static_cast<double>(n)))).floor();
  }
  const at::Tensor xyz = io::read_cloud(kind).xyz();
  const at::Tensor finite = xyz.index({at::isfinite(xyz).all(1)});
  return (finite - finite.mean(0)).to(at::kFloat).contiguous();
}

double copy_speed() {
  const int64_t size = 1 << 28;
  const at::Tensor from = at::ones({size}, at::kByte);
  const at::Tensor to = at::empty_like(from);
  const auto copy = [&] {
    at::parallel_for(0, size, 1 << 20, [&](int64_t begin, int64_t end) {
      std::memcpy(to.mutable_data_ptr<uint8_t>() + begin,
                  from.const_data_ptr<uint8_t>() + begin,
                  static_cast<size_t>(end - begin));
    });
  };
  const double best_ms = measure({copy}, 9, 2).front().best_ms;
  return 2 * static_cast<double>(size) / best_ms * 1e3;
}

}  // namespace pointattn::bench
