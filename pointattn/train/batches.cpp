// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/batches.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <map>

namespace pointattn::train {
namespace {

void shuffle(std::vector<int64_t>& items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

/// Joins samples that `prepare(k)` makes, in parallel, into a batch.
template <typename Prepare>
Batch join(size_t size, const Prepare& prepare) {
  std::vector<Sample> samples(size);
  at::parallel_for(0, static_cast<int64_t>(size), 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k)
      samples[static_cast<size_t>(k)] = prepare(static_cast<size_t>(k));
  });
  std::vector<at::Tensor> clouds;
  std::vector<at::Tensor> parts;
  std::vector<int64_t> categories;
  for (const Sample& sample : samples) {
    clouds.push_back(sample.xyz);
    categories.push_back(sample.category);
    if (sample.part.defined()) parts.push_back(sample.part);
  }
  return {PointBatch::of(clouds),
          at::tensor(categories, at::kLong),
          parts.empty() ? at::Tensor() : at::cat(parts)};
}

}  // namespace

Split split_by_category(const Dataset& data, int64_t hold_out, uint64_t seed) {
  std::map<int64_t, std::vector<int64_t>> by_category;
  for (int64_t i = 0; i < data.size(); ++i) by_category[data.category(i)].push_back(i);
  Split split;
  for (auto& [category, shapes] : by_category) {
    Random random(seed, 1, static_cast<uint64_t>(category));
    shuffle(shapes, random);
    const auto kept =
        static_cast<size_t>(std::min(hold_out, static_cast<int64_t>(shapes.size()) - 1));
    split.held_out.insert(
        split.held_out.end(), shapes.begin(), shapes.begin() + static_cast<std::ptrdiff_t>(kept));
    split.learn.insert(
        split.learn.end(), shapes.begin() + static_cast<std::ptrdiff_t>(kept), shapes.end());
  }
  return split;
}

std::vector<std::vector<int64_t>> steps_of(std::vector<int64_t> shapes,
                                           int64_t batch,
                                           Random random) {
  shuffle(shapes, random);
  std::vector<std::vector<int64_t>> steps;
  for (size_t i = 0; i < shapes.size(); i += static_cast<size_t>(batch)) {
    const size_t end = std::min(shapes.size(), i + static_cast<size_t>(batch));
    steps.emplace_back(shapes.begin() + static_cast<std::ptrdiff_t>(i),
                       shapes.begin() + static_cast<std::ptrdiff_t>(end));
  }
  if (steps.size() > 1 && steps.back().size() == 1) {
    steps[steps.size() - 2].push_back(steps.back().front());
    steps.pop_back();
  }
  return steps;
}

Batch training_batch(const Dataset& data,
                     const std::vector<int64_t>& shapes,
                     const TrainOptions& options,
                     int64_t epoch) {
  return join(shapes.size(), [&](size_t k) {
    const auto stream = [&](uint64_t purpose) {
      return Random(
          options.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(shapes[k]), purpose);
    };
    Sample sample = data.get(shapes[k]);
    const at::Tensor rows = random_rows(sample.xyz.size(0), options.points, stream(1));
    sample.xyz = augment(sample.xyz.index_select(0, rows), options.augment, stream(2));
    if (sample.part.defined()) sample.part = sample.part.index_select(0, rows);
    return sample;
  });
}

Batch plain_batch(const Dataset& data, const std::vector<int64_t>& shapes, int64_t points) {
  return join(shapes.size(), [&](size_t k) {
    Sample sample = data.get(shapes[k]);
    const int64_t taken = std::min(points, sample.xyz.size(0));
    sample.xyz = sample.xyz.narrow(0, 0, taken);
    if (sample.part.defined()) sample.part = sample.part.narrow(0, 0, taken);
    return sample;
  });
}

}  // namespace pointattn::train
