// SPDX-License-Identifier: Apache-2.0
#include "datasets/captions.h"

#include "datasets/cuboids.h"
#include "datasets/tsv.h"

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

 private:
  const CaptionedBoxes& at(int64_t shape) const { return shapes_.at(static_cast<size_t>(shape)); }
  std::vector<CaptionedBoxes> shapes_;
};

}  // namespace

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
