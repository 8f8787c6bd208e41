// SPDX-License-Identifier: Apache-2.0
#include "datasets/hdf5.h"

#include "datasets/hdf5_file.h"
#include "datasets/hdf5_labels.h"
#include "pointattn/core/files.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

namespace pointattn::datasets {
namespace fs = std::filesystem;
namespace {

class Hdf5Dataset : public train::Dataset {
 public:
  Hdf5Dataset(std::vector<Hdf5Shapes> files, LabelMap labels)
      : files_(std::move(files)), labels_(std::move(labels)) {
    for (size_t f = 0; f < files_.size(); ++f) {
      const auto shapes = static_cast<int64_t>(files_[f].category.size());
      for (int64_t s = 0; s < shapes; ++s) shapes_.emplace_back(f, s);
    }
  }
  int64_t size() const override { return static_cast<int64_t>(shapes_.size()); }
  const LabelMap& labels() const override { return labels_; }
  bool has_parts() const override { return files_.front().part.defined(); }
  int64_t category(int64_t index) const override {
    const auto [f, s] = at(index);
    return files_[f].category[static_cast<size_t>(s)];
  }

  /// Copies, so that a caller who augments in place leaves the data set as it was.
  train::Sample get(int64_t index) const override {
    const auto [f, s] = at(index);
    const Hdf5Shapes& file = files_[f];
    train::Sample sample;
    sample.xyz = file.xyz.select(0, s).clone();
    if (file.normal.defined()) sample.normal = file.normal.select(0, s).clone();
    if (file.part.defined()) sample.part = file.part.select(0, s).to(at::kLong);
    sample.category = file.category[static_cast<size_t>(s)];
    sample.name = file.path.filename().string() + " " + std::to_string(s);
    return sample;
  }

 private:
  std::pair<size_t, int64_t> at(int64_t index) const {
    TORCH_CHECK_INDEX(
        index >= 0 && index < size(), "data set: expected a shape below ", size(), ", got ", index);
    return shapes_[static_cast<size_t>(index)];
  }
  std::vector<Hdf5Shapes> files_;
  LabelMap labels_;
  std::vector<std::pair<size_t, int64_t>> shapes_;  ///< file and row of every sample
};

bool is_hdf5_file(const fs::path& path) {
  return path.extension() == ".h5" || path.extension() == ".hdf5";
}

/// train_files.txt of ModelNet40, train_hdf5_file_list.txt of ShapeNetPart.
bool is_list(const fs::path& path) {
  return path.extension() == ".txt" && path.stem().string().find("file") != std::string::npos &&
         !split_mark(path).empty();
}

bool in_split(const std::string& mark, const std::string& split) {
  return split == "all" || mark == split ||
         (split == "trainval" && (mark == "train" || mark == "val"));
}

std::vector<fs::path> sorted_entries(const fs::path& folder, bool (*wanted)(const fs::path&)) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && wanted(entry.path())) entries.push_back(entry.path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// Releases list their files by the path on the authors' machine, so the bare name beside the list
/// counts too.
std::vector<fs::path> files_of_list(const fs::path& list) {
  std::vector<fs::path> files;
  std::istringstream lines(read_file(list));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    if (line.empty()) continue;
    const fs::path named(line);
    TORCH_CHECK_VALUE(is_hdf5_file(named),
                      list.string(),
                      ": expected names of .h5 files, got '",
                      line.substr(0, 80),
                      "'");
    const fs::path beside = list.parent_path() / named;
    files.push_back(fs::exists(beside) ? beside : list.parent_path() / named.filename());
  }
  TORCH_CHECK_VALUE(!files.empty(), list.string(), ": expected names of .h5 files, got none");
  return files;
}

/// STEM_train.h5, STEM_test0.h5 … for a path STEM.
std::vector<fs::path> files_of_stem(const fs::path& stem) {
  const fs::path folder = stem.has_parent_path() ? stem.parent_path() : fs::path(".");
  if (stem.filename().empty() || !fs::is_directory(folder)) return {};
  std::vector<fs::path> files = sorted_entries(folder, is_hdf5_file);
  std::erase_if(files, [&](const fs::path& file) {
    return split_mark(file).empty() || stem_without_split(file) != stem.filename().string();
  });
  return files;
}

std::vector<fs::path> pick(std::vector<fs::path> files,
                           const std::string& split,
                           const std::string& where) {
  std::erase_if(files, [&](const fs::path& file) { return !in_split(split_mark(file), split); });
  TORCH_CHECK_VALUE(!files.empty(), where, ": it holds no split '", split, "'");
  return files;
}

std::vector<fs::path> files_for(const std::string& name, const std::string& split) {
  const fs::path path(name);
  if (fs::is_directory(path)) {
    const std::vector<fs::path> lists = sorted_entries(path, is_list);
    if (lists.empty()) return pick(sorted_entries(path, is_hdf5_file), split, name);
    std::vector<fs::path> files;
    for (const fs::path& list : pick(lists, split, name)) {
      for (fs::path& file : files_of_list(list)) files.push_back(std::move(file));
    }
    return files;
  }
  if (!is_hdf5_file(path) && path.extension() != ".txt")
    return pick(files_of_stem(path), split, name);
  const std::string mark = split_mark(path);
  TORCH_CHECK_VALUE(mark.empty() || in_split(mark, split),
                    name,
                    ": expected data of the split '",
                    split,
                    "', but by its name the file is of '",
                    mark,
                    "'");
  return is_hdf5_file(path) ? std::vector<fs::path>{path} : files_of_list(path);
}

}  // namespace

bool is_hdf5(const std::string& name) {
  const fs::path path(name);
  if (fs::is_directory(path))
    return !sorted_entries(path, is_list).empty() || !sorted_entries(path, is_hdf5_file).empty();
  return is_hdf5_file(path) || path.extension() == ".txt" || !files_of_stem(path).empty();
}

train::DatasetPtr open_hdf5(const std::string& name, const OpenOptions& options) {
  std::vector<Hdf5Shapes> files;
  for (const fs::path& path : files_for(name, options.split)) {
    files.push_back(read_hdf5(path, options.points));
    const Hdf5Shapes& first = files.front();
    const Hdf5Shapes& last = files.back();
    TORCH_CHECK_VALUE(first.part.defined() == last.part.defined() &&
                          first.normal.defined() == last.normal.defined(),
                      "data set: ",
                      first.path.string(),
                      " and ",
                      path.string(),
                      " differ in having parts or normals");
  }
  LabelMap labels = options.labels ? *options.labels : find_labels(files);
  for (const Hdf5Shapes& file : files) check_ids(file, labels);
  return std::make_shared<Hdf5Dataset>(std::move(files), std::move(labels));
}

}  // namespace pointattn::datasets
