// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/segmenter.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/models/inference.h"
#include "pointattn/nn/project.h"
#include "pointattn/ops/interpolate.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

namespace pointattn::models {
namespace {

/// Points that are interpolated at a time: bounds the memory of the probabilities [chunk, parts].
constexpr int64_t kChunk = 1 << 16;

/// Probability of each category, from a pass without one. Two witnesses: the probability that falls
/// to the parts of the category, averaged over the points, and the network's own guess where it
/// makes one; they count alike (geometric mean). The floor keeps one from vetoing the other.
std::vector<double> category_probabilities(const Scores& scores, const LabelMap& labels) {
  constexpr double kFloor = 1e-3;
  const at::Tensor parts = scores.scores.softmax(1).mean(0, false, at::kDouble);
  at::Tensor witness = at::empty({labels.num_categories()}, at::kDouble);
  for (int64_t c = 0; c < labels.num_categories(); ++c) {
    const Category& category = labels.categories[static_cast<size_t>(c)];
    witness[c] =
        parts.narrow(0, category.first_part, static_cast<int64_t>(category.parts.size())).sum();
  }
  if (scores.category.defined()) {
    const at::Tensor guess = scores.category[0].to(at::kDouble).softmax(0);
    witness = ((witness + kFloor) * (guess + kFloor)).sqrt();
  }
  witness = (witness / witness.sum()).contiguous();
  return {witness.const_data_ptr<double>(), witness.const_data_ptr<double>() + witness.numel()};
}

/// The cloud turned so that its axis `up` becomes y, by renaming the axes in a circle. What is not
/// [N,3] is left for prepare_cloud() to refuse.
at::Tensor upright(const at::Tensor& xyz, int up) {
  if (up == 1 || xyz.dim() != 2 || xyz.size(1) != 3) return xyz;
  return at::stack({xyz.select(1, (up + 2) % 3), xyz.select(1, up), xyz.select(1, (up + 1) % 3)},
                   1);
}

/// Labels and confidences of all points, chunk by chunk, from the probabilities [n, P] of the
/// sampled ones.
void spread(const PreparedCloud& cloud,
            const at::Tensor& probabilities,
            int64_t first_part,
            Segmentation& result) {
  const int64_t finite = cloud.xyz.size(0);
  const at::Tensor sample_offsets = offsets_of({cloud.sample.size(0)});
  at::Tensor label = at::empty({finite}, at::kLong);
  at::Tensor confidence = at::empty({finite}, at::kFloat);
  for (int64_t begin = 0; begin < finite; begin += kChunk) {
    const int64_t count = std::min(kChunk, finite - begin);
    const at::Tensor query = cloud.xyz.narrow(0, begin, count);
    const at::Tensor spread =
        ops::interpolate(query, cloud.sample, probabilities, offsets_of({count}), sample_offsets);
    const auto [value, part] = spread.max(1);
    label.narrow(0, begin, count).copy_(part + first_part);
    // Rounding of the weights may leave a certain point a hair above 1.
    confidence.narrow(0, begin, count).copy_(value.clamp_max(1.0));
  }
  if (!cloud.finite_rows.defined()) {
    result.label = label;
    result.confidence = confidence;
    return;
  }
  const at::Tensor most_frequent = (label - first_part).bincount().argmax() + first_part;
  result.label = at::empty({cloud.points}, at::kLong).fill_(most_frequent);
  result.label.index_copy_(0, cloud.finite_rows, label);
  result.confidence = at::zeros({cloud.points}, at::kFloat);
  result.confidence.index_copy_(0, cloud.finite_rows, confidence);
}

}  // namespace

Segmenter::Segmenter(Model model, nn::Precision precision)
    : model_(std::move(model)), precision_(precision) {
  TORCH_CHECK_VALUE(model_.network, "segment: expected a model with a network, got none");
  TORCH_CHECK_VALUE(model_.spec.task == Task::kSegment,
                    "segment: expected a model that segments, got one for the task ",
                    to_string(model_.spec.task));
  for (const Category& category : model_.spec.labels.categories) {
    TORCH_CHECK_VALUE(!category.parts.empty(),
                      "segment: expected every category to have parts, ",
                      category.name,
                      " has none");
  }
  freeze(*model_.network, precision);
}

Segmentation Segmenter::segment(const at::Tensor& xyz, const SegmentOptions& options) const {
  const c10::InferenceMode inference;
  const nn::ReducedProducts reduced(precision_ == nn::Precision::kBFloat16);
  const LabelMap& labels = model_.spec.labels;
  TORCH_CHECK_VALUE(options.category == kUnknownCategory ||
                        (options.category >= 0 && options.category < labels.num_categories()),
                    "segment: expected a category below ",
                    labels.num_categories(),
                    ", got ",
                    options.category);
  TORCH_CHECK_VALUE(options.up >= 0 && options.up < 3,
                    "segment: expected an upward axis 0, 1 or 2, got ",
                    options.up);
  PreparedCloud cloud = prepare_cloud(upright(xyz, options.up), options.points);
  const at::Tensor normalised = to_unit_sphere(cloud.sample);

  Segmentation result;
  result.notes = std::move(cloud.notes);
  result.category = options.category;
  if (options.category == kUnknownCategory) {
    const Scores scores = network_scores(
        *model_.network, Task::kSegment, normalised, kUnknownCategory, labels.num_parts());
    result.category_probabilities = category_probabilities(scores, labels);
    const auto best = std::max_element(result.category_probabilities.begin(),
                                       result.category_probabilities.end());
    result.category = best - result.category_probabilities.begin();
    result.category_confidence = *best;
  }
  const Category& category = labels.categories[static_cast<size_t>(result.category)];
  const at::Tensor scores =
      network_scores(
          *model_.network, Task::kSegment, normalised, result.category, labels.num_parts())
          .scores;
  const auto parts = static_cast<int64_t>(category.parts.size());
  spread(
      cloud, scores.narrow(1, category.first_part, parts).softmax(1), category.first_part, result);
  return result;
}

}  // namespace pointattn::models
