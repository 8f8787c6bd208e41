// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/metrics.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace pointattn::train {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

at::Tensor checked_parts(const at::Tensor& parts, const char* name) {
  TORCH_CHECK_VALUE(parts.dim() == 1 && parts.scalar_type() == at::kLong && parts.numel() > 0,
                    "metrics: expected ",
                    name,
                    " int64 [N] with N > 0, got ",
                    parts.scalar_type(),
                    " ",
                    parts.sizes());
  return parts.cpu().contiguous();
}

void check_category(int64_t category, size_t categories) {
  TORCH_CHECK_VALUE(category >= 0 && category < static_cast<int64_t>(categories),
                    "metrics: expected a category below ",
                    categories,
                    ", got ",
                    category);
}

}  // namespace

at::Tensor predicted_parts(const at::Tensor& scores, const Category& category) {
  const auto parts = static_cast<int64_t>(category.parts.size());
  TORCH_CHECK_VALUE(scores.dim() == 2 && parts > 0 && category.first_part + parts <= scores.size(1),
                    "metrics: expected scores [N, at least ",
                    category.first_part + parts,
                    "] for ",
                    category.name,
                    ", got ",
                    scores.sizes());
  return scores.narrow(1, category.first_part, parts).argmax(1) + category.first_part;
}

double shape_iou(const at::Tensor& predicted, const at::Tensor& truth, const Category& category) {
  const at::Tensor guesses = checked_parts(predicted, "predicted");
  const at::Tensor labels = checked_parts(truth, "truth");
  TORCH_CHECK_VALUE(guesses.numel() == labels.numel(),
                    "metrics: expected as many predictions as labels, got ",
                    guesses.numel(),
                    " and ",
                    labels.numel());
  TORCH_CHECK_VALUE(
      !category.parts.empty(), "metrics: expected a category with parts, got ", category.name);
  const auto parts = static_cast<int64_t>(category.parts.size());
  std::vector<int64_t> both(category.parts.size()), either(category.parts.size());
  const int64_t* guess = guesses.const_data_ptr<int64_t>();
  const int64_t* label = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    const int64_t g = guess[i] - category.first_part;
    const int64_t l = label[i] - category.first_part;
    if (g >= 0 && g < parts) ++either[static_cast<size_t>(g)];
    if (l < 0 || l >= parts) continue;
    if (g == l) {
      ++both[static_cast<size_t>(l)];
    } else {
      ++either[static_cast<size_t>(l)];
    }
  }
  double sum = 0;
  for (size_t p = 0; p < both.size(); ++p) {
    sum += either[p] == 0 ? 1.0 : static_cast<double>(both[p]) / static_cast<double>(either[p]);
  }
  return sum / static_cast<double>(parts);
}

PartMetrics::PartMetrics(LabelMap labels)
    : labels_(std::move(labels)), tallies_(labels_.categories.size()) {}

void PartMetrics::add(int64_t category, const at::Tensor& predicted, const at::Tensor& truth) {
  check_category(category, tallies_.size());
  const double iou = shape_iou(predicted, truth, labels_.categories[static_cast<size_t>(category)]);
  Tally& tally = tallies_[static_cast<size_t>(category)];
  ++tally.shapes;
  tally.points += truth.numel();
  tally.right += predicted.cpu().eq(truth.cpu()).sum().item<int64_t>();
  tally.iou += iou;
}

int64_t PartMetrics::shapes() const {
  int64_t shapes = 0;
  for (const Tally& tally : tallies_) shapes += tally.shapes;
  return shapes;
}

double PartMetrics::accuracy() const {
  int64_t right = 0;
  int64_t points = 0;
  for (const Tally& tally : tallies_) {
    right += tally.right;
    points += tally.points;
  }
  return ratio(static_cast<double>(right), static_cast<double>(points));
}

double PartMetrics::instance_miou() const {
  double sum = 0;
  for (const Tally& tally : tallies_) sum += tally.iou;
  return ratio(sum, static_cast<double>(shapes()));
}

double PartMetrics::class_miou() const {
  double sum = 0;
  const std::vector<CategoryFigures> categories = per_category();
  for (const CategoryFigures& figures : categories) sum += figures.miou;
  return ratio(sum, static_cast<double>(categories.size()));
}

std::vector<CategoryFigures> PartMetrics::per_category() const {
  std::vector<CategoryFigures> all;
  for (size_t c = 0; c < tallies_.size(); ++c) {
    const Tally& tally = tallies_[c];
    if (tally.shapes == 0) continue;
    all.push_back({labels_.categories[c].name,
                   tally.shapes,
                   ratio(static_cast<double>(tally.right), static_cast<double>(tally.points)),
                   tally.iou / static_cast<double>(tally.shapes)});
  }
  return all;
}

ClassMetrics::ClassMetrics(LabelMap labels)
    : labels_(std::move(labels)), tallies_(labels_.categories.size()) {}

void ClassMetrics::add(int64_t predicted, int64_t truth) {
  check_category(truth, tallies_.size());
  Tally& tally = tallies_[static_cast<size_t>(truth)];
  ++tally.shapes;
  if (predicted == truth) ++tally.right;
}

int64_t ClassMetrics::shapes() const {
  int64_t shapes = 0;
  for (const Tally& tally : tallies_) shapes += tally.shapes;
  return shapes;
}

double ClassMetrics::accuracy() const {
  int64_t right = 0;
  for (const Tally& tally : tallies_) right += tally.right;
  return ratio(static_cast<double>(right), static_cast<double>(shapes()));
}

double ClassMetrics::class_accuracy() const {
  double sum = 0;
  const std::vector<CategoryFigures> categories = per_category();
  for (const CategoryFigures& figures : categories) sum += figures.accuracy;
  return ratio(sum, static_cast<double>(categories.size()));
}

std::vector<CategoryFigures> ClassMetrics::per_category() const {
  std::vector<CategoryFigures> all;
  for (size_t c = 0; c < tallies_.size(); ++c) {
    const Tally& tally = tallies_[c];
    if (tally.shapes == 0) continue;
    const double right = static_cast<double>(tally.right) / static_cast<double>(tally.shapes);
    all.push_back({labels_.categories[c].name, tally.shapes, right, 0.0});
  }
  return all;
}

nlohmann::json to_json(const PartMetrics& metrics) {
  nlohmann::json categories = nlohmann::json::array();
  for (const CategoryFigures& figures : metrics.per_category()) {
    categories.push_back({{"name", figures.name},
                          {"shapes", figures.shapes},
                          {"accuracy", figures.accuracy},
                          {"miou", figures.miou}});
  }
  return {{"accuracy", metrics.accuracy()},
          {"instance_miou", metrics.instance_miou()},
          {"class_miou", metrics.class_miou()},
          {"shapes", metrics.shapes()},
          {"per_category", categories}};
}

nlohmann::json to_json(const ClassMetrics& metrics) {
  nlohmann::json categories = nlohmann::json::array();
  for (const CategoryFigures& figures : metrics.per_category()) {
    categories.push_back(
        {{"name", figures.name}, {"shapes", figures.shapes}, {"accuracy", figures.accuracy}});
  }
  return {{"accuracy", metrics.accuracy()},
          {"class_accuracy", metrics.class_accuracy()},
          {"shapes", metrics.shapes()},
          {"per_category", categories}};
}

}  // namespace pointattn::train
