// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pointattn::train {

/// Part of each point: arg-max over the parts of one category only, the first among equals.
/// scores [N, parts of all categories] → int64 [N] global part ids. Throws c10::ValueError when the
/// columns do not cover the category.
at::Tensor predicted_parts(const at::Tensor& scores, const Category& category);

/// Intersection over union of each part of `category`, averaged over its parts; a part that neither
/// has counts 1 (ShapeNetPart's metric, Yi et al. 2016). predicted, truth: int64 [N] global part
/// ids; labels of other categories agree with no part.
double shape_iou(const at::Tensor& predicted, const at::Tensor& truth, const Category& category);

/// Figures of one category.
struct CategoryFigures {
  std::string name;
  int64_t shapes = 0;
  double accuracy =
      0;            ///< share of points (segmentation) or shapes (classification) that are right
  double miou = 0;  ///< mean shape_iou; 0 for classification
};

/// Part segmentation, shape by shape.
class PartMetrics {
 public:
  explicit PartMetrics(LabelMap labels);

  /// predicted, truth: int64 [N] global part ids of one shape of `category`. Throws c10::ValueError
  /// when they differ in length or are empty.
  void add(int64_t category, const at::Tensor& predicted, const at::Tensor& truth);

  int64_t shapes() const;
  double accuracy() const;       ///< share of all points that are right
  double instance_miou() const;  ///< mean over shapes
  double class_miou() const;  ///< mean over the categories that occur of the mean over their shapes
  std::vector<CategoryFigures> per_category()
      const;  ///< categories that occur, in the order of the label map

 private:
  struct Tally {
    int64_t shapes = 0;
    int64_t points = 0;
    int64_t right = 0;
    double iou = 0;
  };
  LabelMap labels_;
  std::vector<Tally> tallies_;
};

/// Classification.
class ClassMetrics {
 public:
  explicit ClassMetrics(LabelMap labels);

  /// One shape; category ids. A prediction outside the label map is just wrong.
  void add(int64_t predicted, int64_t truth);

  int64_t shapes() const;
  double accuracy() const;  ///< share of shapes that are right
  double class_accuracy()
      const;  ///< mean over the categories that occur of the share that is right
  std::vector<CategoryFigures> per_category() const;

 private:
  struct Tally {
    int64_t shapes = 0;
    int64_t right = 0;
  };
  LabelMap labels_;
  std::vector<Tally> tallies_;
};

/// {"accuracy", "instance_miou", "class_miou", "shapes", "per_category": [{"name", "shapes",
/// "accuracy", "miou"}]}
nlohmann::json to_json(const PartMetrics& metrics);
/// {"accuracy", "class_accuracy", "shapes", "per_category": [{"name", "shapes", "accuracy"}]}
nlohmann::json to_json(const ClassMetrics& metrics);

}  // namespace pointattn::train
