// SPDX-License-Identifier: Apache-2.0
#include "datasets/captions.h"

#include "datasets/cuboids.h"
#include "datasets/procedural.h"
#include "datasets/procedural/captions.h"
#include "datasets/tsv.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <unordered_map>

namespace pointattn::datasets {
namespace {

struct CaptionedBoxes {
  std::string name;
  std::vector<Cuboid> boxes;
  std::vector<std::string> captions;
};

class CuboidCaptions : public train::CaptionedShapes {
 public:
  explicit CuboidCaptions(std::vector<CaptionedBoxes> shapes) : shapes_(std::move(shapes)) {}
  int64_t size() const override { return static_cast<int64_t>(shapes_.size()); }
  std::string name(int64_t shape) const override { return at(shape).name; }
  const std::vector<std::string>& captions(int64_t shape) const override {
    return at(shape).captions;
  }
  at::Tensor points(int64_t shape, int64_t points, Random random) const override {
    return sample_cuboids(at(shape).boxes, points, random).xyz;
  }
  at::Tensor boxes(int64_t shape) const override {
    std::vector<float> numbers;
    for (const Cuboid& box : at(shape).boxes) {
      numbers.insert(numbers.end(), box.center.begin(), box.center.end());
      numbers.insert(numbers.end(), box.size.begin(), box.size.end());
      for (const auto& axis : box.axes) numbers.insert(numbers.end(), axis.begin(), axis.end());
    }
    return at::tensor(numbers).view({-1, train::kBoxNumbers});
  }

 private:
  const CaptionedBoxes& at(int64_t shape) const { return shapes_.at(static_cast<size_t>(shape)); }
  std::vector<CaptionedBoxes> shapes_;
};

constexpr int64_t kPointsOfBoxes = 2048;

class GeneratedCaptions : public train::CaptionedShapes {
 public:
  GeneratedCaptions(int64_t shapes, int64_t captions, uint64_t seed) : seed_(seed) {
    const LabelMap labels = procedural_labels();
    kinds_ = static_cast<int64_t>(labels.categories.size());
    for (int64_t s = 0; s < shapes; ++s) {
      const ProceduralShape shape = make(s, 1, seed_);
      names_.push_back(labels.categories[static_cast<size_t>(s % kinds_)].name + "_" +
                       std::to_string(s / kinds_));
      captions_.push_back(captions_of(shape.facts, captions, seed_ + static_cast<uint64_t>(s)));
    }
  }
  int64_t size() const override { return static_cast<int64_t>(names_.size()); }
  std::string name(int64_t shape) const override { return names_.at(static_cast<size_t>(shape)); }
  const std::vector<std::string>& captions(int64_t shape) const override {
    return captions_.at(static_cast<size_t>(shape));
  }
  /// The form of a shape and its points both follow from the seed: `random` adds nothing.
  at::Tensor points(int64_t shape, int64_t points, Random) const override {
    return make(shape, points, seed_).xyz;
  }
  /// The generator knows no boxes: each part counts as the one that bounds it.
  at::Tensor boxes(int64_t shape) const override {
    const ProceduralShape whole = make(shape, kPointsOfBoxes, seed_);
    std::vector<at::Tensor> boxes;
    for (int64_t part = 0; part <= whole.part.max().item<int64_t>(); ++part) {
      const at::Tensor rows = whole.part.eq(part).nonzero().squeeze(1);
      if (rows.numel() == 0) continue;
      const at::Tensor xyz = whole.xyz.index_select(0, rows);
      const at::Tensor low = xyz.amin(0), high = xyz.amax(0);
      boxes.push_back(at::cat({(low + high) / 2, high - low, at::eye(3).flatten()}));
    }
    return at::stack(boxes);
  }

 private:
  ProceduralShape make(int64_t shape, int64_t points, uint64_t seed) const {
    return make_shape(shape % kinds_, static_cast<uint64_t>(shape / kinds_), seed, points);
  }
  uint64_t seed_;
  int64_t kinds_ = 0;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> captions_;
};

class JoinedCaptions : public train::CaptionedShapes {
 public:
  JoinedCaptions(train::CaptionedShapesPtr first, train::CaptionedShapesPtr second)
      : first_(std::move(first)), second_(std::move(second)) {}
  int64_t size() const override { return first_->size() + second_->size(); }
  std::string name(int64_t shape) const override { return owner(shape)->name(at(shape)); }
  const std::vector<std::string>& captions(int64_t shape) const override {
    return owner(shape)->captions(at(shape));
  }
  at::Tensor points(int64_t shape, int64_t points, Random random) const override {
    return owner(shape)->points(at(shape), points, random);
  }
  at::Tensor boxes(int64_t shape) const override { return owner(shape)->boxes(at(shape)); }

 private:
  bool in_first(int64_t shape) const { return shape < first_->size(); }
  const train::CaptionedShapesPtr& owner(int64_t shape) const {
    return in_first(shape) ? first_ : second_;
  }
  int64_t at(int64_t shape) const { return in_first(shape) ? shape : shape - first_->size(); }
  train::CaptionedShapesPtr first_, second_;
};

}  // namespace

train::CaptionedShapesPtr generated_captions(int64_t shapes, int64_t captions, uint64_t seed) {
  return std::make_shared<GeneratedCaptions>(shapes, captions, seed);
}

train::CaptionedShapesPtr join_captions(train::CaptionedShapesPtr first,
                                        train::CaptionedShapesPtr second) {
  return std::make_shared<JoinedCaptions>(std::move(first), std::move(second));
}

train::CaptionedShapesPtr open_captions(const std::filesystem::path& captions,
                                        const std::vector<std::filesystem::path>& cuboids) {
  CuboidShapes boxes;
  for (const std::filesystem::path& path : cuboids) read_cuboids(path, boxes);
  std::vector<CaptionedBoxes> shapes;
  std::unordered_map<std::string, size_t> places;
  read_tsv(captions,
           {"partnet_anno_id", "caption"},
           [&](int64_t, const std::vector<std::string_view>& cells) {
             const std::string name(cells[0]);
             TORCH_CHECK_VALUE(cells[1].find_first_not_of(" \t") != std::string_view::npos,
                               "expected a caption, got none");
             const auto [found, fresh] = places.try_emplace(name, shapes.size());
             if (fresh) {
               const auto shape = boxes.find(name);
               TORCH_CHECK_VALUE(shape != boxes.end(),
                                 "expected a shape of the cuboid tables, got partnet_anno_id '",
                                 name.substr(0, 60),
                                 "'");
               shapes.push_back({name, shape->second, {}});
             }
             shapes[found->second].captions.emplace_back(cells[1]);
           });
  TORCH_CHECK_VALUE(
      !shapes.empty(), captions.string(), ": expected captions, got none below the first line");
  return std::make_shared<CuboidCaptions>(std::move(shapes));
}

}  // namespace pointattn::datasets
