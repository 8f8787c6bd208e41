// SPDX-License-Identifier: Apache-2.0
#include "datasets/registry.h"

#include "datasets/hdf5.h"
#include "datasets/procedural.h"
#include "datasets/shapenet_part.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace pointattn::datasets {
namespace {

constexpr const char* kProcedural = "procedural";

bool is_procedural(const std::string& name) {
  return name == kProcedural || name.rfind(std::string(kProcedural) + ":", 0) == 0;
}

train::DatasetPtr open_procedural(const std::string& name, const OpenOptions& options) {
  TORCH_CHECK_VALUE(!options.labels, "procedural: its labels are its own, none can be given");
  ProceduralOptions shapes;
  shapes.shapes = options.shapes;
  if (options.points != 0) shapes.points = options.points;
  shapes.seed = options.seed;
  shapes.noise = options.noise;
  // Far apart, so that the splits never share a shape.
  if (options.split == "val") shapes.first = uint64_t{1} << 40;
  if (options.split == "test") shapes.first = uint64_t{1} << 41;
  for (size_t at = name.find(':'); at != std::string::npos;) {
    const size_t end = name.find(',', at + 1);
    shapes.categories.push_back(name.substr(at + 1, end == std::string::npos ? end : end - at - 1));
    at = end;
  }
  return procedural_dataset(shapes);
}

struct Entry {
  const char* name;
  const char* description;
  bool (*matches)(const std::string& name_or_path);
  train::DatasetPtr (*open)(const std::string& name_or_path, const OpenOptions& options);
};

/// Asked from top to bottom. A new data set is a file of its own and a line here.
constexpr std::array kEntries{
    Entry{kProcedural,
          "generated objects with named parts; procedural:chair,mug picks categories",
          is_procedural,
          open_procedural},
    Entry{"shapenetpart",
          "folder of ShapeNetPart: points/*.pts with points_label/*.seg, or the *.txt form with "
          "normals",
          is_shapenet_part,
          open_shapenet_part},
    Entry{"hdf5",
          "HDF5 file (data, label, pid), list of such files, folder of them, or STEM for "
          "STEM_train.h5",
          is_hdf5,
          open_hdf5},
};

}  // namespace

std::vector<DatasetInfo> list_datasets() {
  std::vector<DatasetInfo> list;
  for (const Entry& entry : kEntries) list.push_back({entry.name, entry.description});
  return list;
}

train::DatasetPtr open_dataset(const std::string& name_or_path, const OpenOptions& options) {
  static constexpr std::array kSplits{"all", "train", "val", "test", "trainval"};
  TORCH_CHECK_VALUE(std::find(kSplits.begin(), kSplits.end(), options.split) != kSplits.end(),
                    "data set: expected the split all, train, val, test or trainval, got '",
                    options.split,
                    "'");
  TORCH_CHECK_VALUE(
      options.points >= 0, "data set: expected a number of points, got ", options.points);
  for (const Entry& entry : kEntries) {
    if (entry.matches(name_or_path)) return entry.open(name_or_path, options);
  }
  std::string known;
  for (const Entry& entry : kEntries)
    known += std::string("\n  ") + entry.name + ": " + entry.description;
  const bool exists = std::filesystem::exists(name_or_path);
  TORCH_CHECK_VALUE(false,
                    "data set '",
                    name_or_path,
                    "': ",
                    exists ? "not of a known form" : "no such file, folder or generator",
                    ". Known:",
                    known);
}

}  // namespace pointattn::datasets
