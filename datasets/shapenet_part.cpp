// SPDX-License-Identifier: Apache-2.0
#include "datasets/shapenet_part.h"

#include "datasets/procedural/random.h"
#include "datasets/shapenet_labels.h"
#include "datasets/text_points.h"
#include "pointattn/core/files.h"
#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

namespace pointattn::datasets {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCategoryFile = "synsetoffset2category.txt";

/// WordNet offsets of shapenet_part_labels(), for folders that come without the category file.
constexpr std::array kOffsets{"02691156",
                              "02773838",
                              "02954340",
                              "02958343",
                              "03001627",
                              "03261776",
                              "03467517",
                              "03624134",
                              "03636649",
                              "03642806",
                              "03790512",
                              "03797390",
                              "03948459",
                              "04099429",
                              "04225987",
                              "04379243"};

struct Shape {
  fs::path points;  ///< .pts or .txt
  fs::path labels;  ///< .seg, empty for the form with normals
  int64_t category = 0;
  std::string key;  ///< OFFSET/ID, as the split lists have it
};

class ShapeNetPart : public train::Dataset {
 public:
  ShapeNetPart(std::vector<Shape> shapes, const OpenOptions& options)
      : shapes_(std::move(shapes)),
        points_(options.points),
        seed_(options.seed),
        labels_(shapenet_part_labels()) {}
  int64_t size() const override { return static_cast<int64_t>(shapes_.size()); }
  int64_t category(int64_t index) const override { return at(index).category; }
  const LabelMap& labels() const override { return labels_; }
  bool has_parts() const override { return true; }

  train::Sample get(int64_t index) const override {
    const Shape& shape = at(index);
    train::Sample sample =
        shape.labels.empty() ? read_with_normals(shape) : read_points_and_labels(shape);
    sample.xyz = to_unit_sphere(sample.xyz).to(at::kFloat);
    sample.category = shape.category;
    sample.name = shape.key;
    keep_random_points(sample, points_, mixed(seed_, hash_of(shape.key)));
    return sample;
  }

 private:
  const Shape& at(int64_t index) const {
    TORCH_CHECK_INDEX(
        index >= 0 && index < size(), "data set: expected a shape below ", size(), ", got ", index);
    return shapes_[static_cast<size_t>(index)];
  }

  /// Part column of a file as ids; `shift` turns the file's own count into global ids.
  at::Tensor part_ids(const at::Tensor& column,
                      const Shape& shape,
                      const fs::path& path,
                      int64_t shift) const {
    const Category& category = labels_.categories[static_cast<size_t>(shape.category)];
    const int64_t low = category.first_part;
    const int64_t high = low + static_cast<int64_t>(category.parts.size()) - 1;
    at::Tensor ids = at::empty({column.size(0)}, at::kLong);
    const auto values = column.accessor<double, 1>();
    for (int64_t i = 0; i < column.size(0); ++i) {
      const double id = values[i] + static_cast<double>(shift);
      TORCH_CHECK_VALUE(
          id == std::floor(id) && id >= static_cast<double>(low) && id <= static_cast<double>(high),
          path.string(),
          ":",
          i + 1,
          ": expected a part of ",
          category.name,
          ", ",
          low - shift,
          " to ",
          high - shift,
          ", got ",
          values[i]);
      ids[i] = static_cast<int64_t>(id);
    }
    return ids;
  }

  train::Sample read_points_and_labels(const Shape& shape) const {
    std::vector<double> xyz = read_numbers(shape.points, 3);
    std::vector<double> seg = read_numbers(shape.labels, 1);
    const auto points = static_cast<int64_t>(seg.size());
    TORCH_CHECK_VALUE(static_cast<int64_t>(xyz.size()) == points * 3,
                      shape.labels.string(),
                      ": expected ",
                      xyz.size() / 3,
                      " lines as ",
                      shape.points.filename().string(),
                      " has, got ",
                      points);
    const int64_t first = labels_.categories[static_cast<size_t>(shape.category)].first_part;
    train::Sample sample;
    sample.xyz = at::from_blob(xyz.data(), {points, 3}, at::kDouble).clone();
    sample.part =
        part_ids(at::from_blob(seg.data(), {points}, at::kDouble), shape, shape.labels, first - 1);
    return sample;
  }

  train::Sample read_with_normals(const Shape& shape) const {
    std::vector<double> rows = read_numbers(shape.points, 7);
    const at::Tensor table =
        at::from_blob(rows.data(), {static_cast<int64_t>(rows.size() / 7), 7}, at::kDouble);
    train::Sample sample;
    sample.xyz = table.narrow(1, 0, 3).clone();
    sample.normal = table.narrow(1, 3, 3).to(at::kFloat).contiguous();
    sample.part = part_ids(table.select(1, 6), shape, shape.points, 0);
    return sample;
  }

  std::vector<Shape> shapes_;
  int64_t points_;
  uint64_t seed_;
  LabelMap labels_;
};

/// Category id of every offset.
std::map<std::string, int64_t> offsets_of(const fs::path& folder) {
  std::map<std::string, int64_t> offsets;
  const fs::path path = folder / kCategoryFile;
  if (!fs::exists(path)) {
    for (size_t i = 0; i < kOffsets.size(); ++i) offsets[kOffsets[i]] = static_cast<int64_t>(i);
    return offsets;
  }
  const LabelMap labels = shapenet_part_labels();
  std::istringstream lines(read_file(path));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string name;
    std::string offset;
    if (!(words >> name)) continue;
    const bool plain =
        static_cast<bool>(words >> offset) && std::all_of(offset.begin(), offset.end(), ::isalnum);
    TORCH_CHECK_VALUE(plain,
                      path.string(),
                      ":",
                      number,
                      ": expected a category and its folder, got '",
                      line.substr(0, 80),
                      "'");
    offsets[offset] = labels.category_id(name);
  }
  return offsets;
}

std::vector<fs::path> files_with(const fs::path& folder, const char* extension) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Shape> shapes_in(const fs::path& folder) {
  std::vector<Shape> shapes;
  for (const auto& [offset, category] : offsets_of(folder)) {
    for (const fs::path& points : files_with(folder / offset / "points", ".pts")) {
      const fs::path labels = folder / offset / "points_label" / (points.stem().string() + ".seg");
      TORCH_CHECK_VALUE(fs::exists(labels),
                        points.string(),
                        ": expected its labels in ",
                        labels.string(),
                        ", found no such file");
      shapes.push_back({points, labels, category, offset + "/" + points.stem().string()});
    }
    for (const fs::path& points : files_with(folder / offset, ".txt")) {
      shapes.push_back({points, {}, category, offset + "/" + points.stem().string()});
    }
  }
  return shapes;
}

/// Keys OFFSET/ID of one split list, whose entries look like "shape_data/OFFSET/ID".
std::set<std::string> keys_of_list(const fs::path& folder, const std::string& split) {
  const fs::path path = folder / "train_test_split" / ("shuffled_" + split + "_file_list.json");
  TORCH_CHECK_VALUE(fs::exists(path),
                    folder.string(),
                    ": expected the split '",
                    split,
                    "' in ",
                    path.string(),
                    ", found no such file; only the split 'all' needs none");
  std::set<std::string> keys;
  try {
    const nlohmann::json list = nlohmann::json::parse(read_file(path));
    for (const nlohmann::json& entry : list) {
      const fs::path name(entry.get<std::string>());
      keys.insert(name.parent_path().filename().string() + "/" + name.filename().string());
    }
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK_VALUE(false, path.string(), ": expected a list of names: ", error.what());
  }
  return keys;
}

}  // namespace

bool is_shapenet_part(const std::string& name) {
  const fs::path folder(name);
  if (!fs::is_directory(folder)) return false;
  return fs::exists(folder / kCategoryFile) ||
         std::any_of(kOffsets.begin(), kOffsets.end(), [&](const char* offset) {
           return fs::is_directory(folder / offset);
         });
}

train::DatasetPtr open_shapenet_part(const std::string& name, const OpenOptions& options) {
  TORCH_CHECK_VALUE(
      !options.labels, name, ": the labels of ShapeNetPart are fixed, none can be given");
  std::vector<Shape> shapes = shapes_in(name);
  if (options.split != "all") {
    std::set<std::string> keys =
        keys_of_list(name, options.split == "trainval" ? "train" : options.split);
    if (options.split == "trainval") keys.merge(keys_of_list(name, "val"));
    std::erase_if(shapes, [&](const Shape& shape) { return keys.count(shape.key) == 0; });
  }
  TORCH_CHECK_VALUE(
      !shapes.empty(), name, ": it holds no shapes of the split '", options.split, "'");
  return std::make_shared<ShapeNetPart>(std::move(shapes), options);
}

}  // namespace pointattn::datasets
