// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/farthest_point_sample_buckets.h"
#include "pointattn/ops/farthest_point_sample_inputs.h"
#include "pointattn/ops/knn_tree.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

namespace pointattn::ops {
namespace {

template <typename T>
void sample(const SampleInputs& inputs, int64_t* taken) {
  const T* points = inputs.points.const_data_ptr<T>();
  const int64_t clouds = static_cast<int64_t>(inputs.offsets.size()) - 1;
  // The points of one cloud are taken one after another; only its tree is built by many threads.
  const int threads = clouds == 1 ? at::get_num_threads() : 1;
  at::parallel_for(0, clouds, 1, [&](int64_t begin, int64_t end) {
    for (size_t b = static_cast<size_t>(begin); b < static_cast<size_t>(end); ++b) {
      const int64_t first = inputs.offsets[b];
      const int64_t size = inputs.offsets[b + 1] - first;
      TORCH_CHECK_VALUE(size <= KdTree<T>::kMaxPoints,
                        "farthest_point_sample: expected at most ",
                        KdTree<T>::kMaxPoints,
                        " points in a cloud, got ",
                        size);
      farthest_points(points + 3 * first,
                      size,
                      inputs.starts[b + 1] - inputs.starts[b],
                      first,
                      threads,
                      taken + inputs.starts[b]);
    }
  });
}

at::Tensor farthest_point_sample_cpu(const at::Tensor& points,
                                     const at::Tensor& offsets,
                                     const at::Tensor& counts) {
  const SampleInputs inputs = check_sample(points, offsets, counts);
  at::Tensor taken = at::empty({inputs.starts.back()}, points.options().dtype(at::kLong));
  if (points.scalar_type() == at::kFloat) {
    sample<float>(inputs, taken.mutable_data_ptr<int64_t>());
  } else {
    sample<double>(inputs, taken.mutable_data_ptr<int64_t>());
  }
  return taken;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) {
  m.impl("farthest_point_sample", &farthest_point_sample_cpu);
}

}  // namespace pointattn::ops
