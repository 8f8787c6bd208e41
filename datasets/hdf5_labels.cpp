// SPDX-License-Identifier: Apache-2.0
#include "datasets/hdf5_labels.h"

#include "datasets/shapenet_labels.h"
#include "pointattn/core/files.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <regex>
#include <sstream>

namespace pointattn::datasets {
namespace fs = std::filesystem;
namespace {

/// Smallest and largest part id of every category that the files show.
using Ranges = std::map<int64_t, std::pair<int64_t, int64_t>>;

Ranges part_ranges(const std::vector<Hdf5Shapes>& files) {
  Ranges ranges;
  for (const Hdf5Shapes& file : files) {
    const int64_t points = file.xyz.size(1);
    for (size_t s = 0; s < file.category.size(); ++s) {
      if (!file.part.defined()) {
        ranges.try_emplace(file.category[s], 0, -1);
        continue;
      }
      const int16_t* ids = file.part.const_data_ptr<int16_t>() + static_cast<int64_t>(s) * points;
      const auto [low, high] = std::minmax_element(ids, ids + points);
      const auto [at, fresh] = ranges.try_emplace(file.category[s], *low, *high);
      if (!fresh)
        at->second = {std::min<int64_t>(at->second.first, *low),
                      std::max<int64_t>(at->second.second, *high)};
    }
  }
  return ranges;
}

LabelMap from_meta(const fs::path& path) {
  try {
    const nlohmann::json json = nlohmann::json::parse(read_file(path));
    if (!json.contains("categories")) {
      LabelMap labels;
      for (const nlohmann::json& name : json.at("top_classes"))
        labels.categories.push_back({name.get<std::string>(), 0, {}});
      TORCH_CHECK_VALUE(!labels.categories.empty(), "expected at least one class");
      return labels;
    }
    int64_t position = 0;
    for (const nlohmann::json& category : json.at("categories")) {
      const int64_t id = category.value("id", position);
      TORCH_CHECK_VALUE(
          id == position, "expected the category with id ", position, " in this place, got ", id);
      ++position;
    }
    return label_map_from_json(json);
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK_VALUE(false, path.string(), ": ", error.what());
  } catch (const c10::Error& error) {
    TORCH_CHECK_VALUE(false, path.string(), ": ", error.what_without_backtrace());
  }
}

LabelMap from_names(const fs::path& path) {
  LabelMap labels;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    if (!line.empty()) labels.categories.push_back({line, 0, {}});
  }
  return labels;
}

/// The names that lie beside a file, if any do.
std::optional<LabelMap> beside(const Hdf5Shapes& file) {
  const fs::path folder = file.path.parent_path();
  const fs::path meta = folder / (stem_without_split(file.path) + "_meta.json");
  if (fs::exists(meta)) return from_meta(meta);
  const fs::path names = folder / "shape_names.txt";
  if (fs::exists(names) && !file.part.defined()) return from_names(names);
  return std::nullopt;
}

bool path_says(const fs::path& path, const std::string& word) {
  std::string text = path.string();
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text.find(word) != std::string::npos;
}

/// Whether ids are those of ShapeNetPart. Small ids fit by chance, so the path or the last category
/// must speak for it too.
bool is_shapenet_part_release(const std::vector<Hdf5Shapes>& files, const Ranges& ranges) {
  if (!files.front().part.defined()) return false;
  const LabelMap labels = shapenet_part_labels();
  for (const auto& [category, range] : ranges) {
    if (category >= labels.num_categories()) return false;
    const Category& known = labels.categories[static_cast<size_t>(category)];
    if (range.first < known.first_part) return false;
    if (range.second >= known.first_part + static_cast<int64_t>(known.parts.size())) return false;
  }
  return ranges.rbegin()->first == labels.num_categories() - 1 ||
         path_says(files.front().path, "shapenet");
}

LabelMap numbered(const Ranges& ranges, const fs::path& path) {
  LabelMap labels;
  int64_t next = 0;
  for (int64_t id = 0; id <= ranges.rbegin()->first; ++id) {
    Category category{"category " + std::to_string(id), next, {}};
    const auto range = ranges.find(id);
    if (range != ranges.end() && range->second.second >= 0) {
      TORCH_CHECK_VALUE(range->second.first >= next,
                        path.string(),
                        ": part ids of category ",
                        id,
                        " begin at ",
                        range->second.first,
                        ", which category ids before it use up to ",
                        next - 1,
                        ": name them in ",
                        stem_without_split(path),
                        "_meta.json");
      for (; next <= range->second.second; ++next) category.add("part " + std::to_string(next));
    }
    labels.categories.push_back(std::move(category));
  }
  return labels;
}

}  // namespace

std::string split_mark(const fs::path& path) {
  static const std::regex mark("(^|[^a-z])(train|val|test)[0-9]*([^a-z]|$)");
  std::smatch found;
  const std::string stem = path.stem().string();
  return std::regex_search(stem, found, mark) ? found[2].str() : "";
}

std::string stem_without_split(const fs::path& path) {
  static const std::regex tail("[_-]?(train|val|test)[0-9]*$");
  return std::regex_replace(path.stem().string(), tail, "");
}

LabelMap find_labels(const std::vector<Hdf5Shapes>& files) {
  std::optional<LabelMap> found = beside(files.front());
  for (const Hdf5Shapes& file : files) {
    const std::optional<LabelMap> other = beside(file);
    TORCH_CHECK_VALUE(
        other.has_value() == found.has_value() && (!found || to_json(*found) == to_json(*other)),
        "data set: ",
        files.front().path.string(),
        " and ",
        file.path.string(),
        " name different categories or parts: open them one by one");
  }
  if (found) return *found;
  const Ranges ranges = part_ranges(files);
  if (is_shapenet_part_release(files, ranges)) return shapenet_part_labels();
  const bool modelnet =
      path_says(files.front().path, "modelnet40") && !files.front().part.defined();
  if (modelnet && ranges.rbegin()->first < 40) return modelnet40_labels();
  return numbered(ranges, files.front().path);
}

void check_ids(const Hdf5Shapes& file, const LabelMap& labels) {
  const int64_t points = file.xyz.size(1);
  for (size_t s = 0; s < file.category.size(); ++s) {
    TORCH_CHECK_VALUE(file.category[s] < labels.num_categories(),
                      file.path.string(),
                      ": shape ",
                      s,
                      ": expected a category below ",
                      labels.num_categories(),
                      ", got ",
                      file.category[s]);
    if (!file.part.defined()) continue;
    const Category& category = labels.categories[static_cast<size_t>(file.category[s])];
    const int64_t end = category.first_part + static_cast<int64_t>(category.parts.size());
    const int16_t* ids = file.part.const_data_ptr<int16_t>() + static_cast<int64_t>(s) * points;
    const int16_t* wrong = std::find_if(
        ids, ids + points, [&](int16_t id) { return id < category.first_part || id >= end; });
    TORCH_CHECK_VALUE(wrong == ids + points,
                      file.path.string(),
                      ": shape ",
                      s,
                      " (",
                      category.name,
                      "): expected part ids ",
                      category.first_part,
                      " to ",
                      end - 1,
                      ", got ",
                      *wrong);
  }
}

}  // namespace pointattn::datasets
