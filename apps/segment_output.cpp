// SPDX-License-Identifier: Apache-2.0
#include "apps/segment_output.h"

#include "pointattn/core/closest.h"
#include "pointattn/core/files.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace pointattn::apps {
namespace {

/// Colours of the points, uint8 [N,3].
at::Tensor point_colors(const at::Tensor& label, const Category& category) {
  at::Tensor table = at::empty({static_cast<int64_t>(category.parts.size()), 3}, at::kByte);
  uint8_t* row = table.mutable_data_ptr<uint8_t>();
  for (const Part& part : category.parts)
    row = std::copy(part.color.begin(), part.color.end(), row);
  return table.index_select(0, label - category.first_part);
}

/// Moves fields out of the way of those that are about to be added, and what the comments say of
/// their labels.
void set_aside(io::Cloud& cloud, const std::set<std::string>& names) {
  for (io::Field& field : cloud.fields) {
    if (!names.contains(lower(field.name))) continue;
    std::string prefix = "orig_";
    while (cloud.find(prefix + field.name)) prefix += "orig_";
    for (std::string& comment : cloud.comments) {
      const bool named = comment.starts_with("label ") || comment.starts_with("category ");
      if (named && lower(field.name) == "label") comment.insert(0, prefix);
    }
    field.name.insert(0, prefix);
  }
}

}  // namespace

std::vector<FoundPart> found_parts(const models::Segmentation& result, const Category& category) {
  const auto parts = static_cast<int64_t>(category.parts.size());
  const at::Tensor counts = (result.label - category.first_part).bincount({}, parts).contiguous();
  std::vector<FoundPart> found;
  for (int64_t p = 0; p < parts; ++p) {
    const int64_t points = counts.const_data_ptr<int64_t>()[p];
    if (points == 0) continue;
    const Part& part = category.parts[static_cast<size_t>(p)];
    found.push_back({category.first_part + p,
                     part.name,
                     hex(part.color),
                     points,
                     static_cast<double>(points) / static_cast<double>(result.label.numel())});
  }
  return found;
}

void add_part_labels(io::Cloud& cloud, const at::Tensor& label, const Category& category) {
  cloud.set("label", label.to(at::kInt));
  cloud.comments.push_back("category " + category.name);
  int64_t id = category.first_part;
  for (const Part& part : category.parts) {
    cloud.comments.push_back("label " + std::to_string(id++) + " " + category.name + " " +
                             part.name + " " + hex(part.color));
  }
}

void add_part_colors(io::Cloud& cloud,
                     const at::Tensor& label,
                     const Category& category,
                     bool for_pcd) {
  const at::Tensor colors = point_colors(label, category);
  if (for_pcd) {
    const at::Tensor wide = colors.to(at::kInt);
    const at::Tensor packed =
        wide.select(1, 0) * 65536 + wide.select(1, 1) * 256 + wide.select(1, 2);
    cloud.set("rgb", packed.contiguous().view(at::kFloat));
    return;
  }
  const char* names[] = {"red", "green", "blue"};
  for (int64_t channel = 0; channel < 3; ++channel) {
    cloud.set(names[channel], colors.select(1, channel).contiguous());
  }
}

void add_segmentation(io::Cloud& cloud,
                      const models::Segmentation& result,
                      const Category& category,
                      bool for_pcd,
                      bool keep_colors) {
  const bool paint = !keep_colors || !cloud.colors().defined();
  std::set<std::string> taken = {"label", "confidence"};
  if (paint) taken.insert({"red", "green", "blue", "r", "g", "b", "rgb", "rgba"});
  set_aside(cloud, taken);
  add_part_labels(cloud, result.label, category);
  cloud.set("confidence", result.confidence);
  if (paint) add_part_colors(cloud, result.label, category, for_pcd);
}

void write_labels(const std::filesystem::path& path, const at::Tensor& label) {
  const at::Tensor ids = label.contiguous();
  const int64_t* id = ids.const_data_ptr<int64_t>();
  std::string text;
  char digits[24];
  for (int64_t i = 0; i < ids.numel(); ++i) {
    const auto end = std::to_chars(digits, digits + sizeof digits, id[i]).ptr;
    text.append(digits, end);
    text += '\n';
  }
  write_file(path, [&](std::ostream& out) { out << text; });
}

void write_legend(const std::filesystem::path& path,
                  const std::vector<FoundPart>& found,
                  const Category& category) {
  write_file(path, [&](std::ostream& out) {
    out << "id\tcategory\tpart\tcolor\tpoints\tshare\n";
    int64_t id = category.first_part;
    for (const Part& part : category.parts) {
      const auto here = std::find_if(
          found.begin(), found.end(), [id](const FoundPart& some) { return some.id == id; });
      const bool absent = here == found.end();
      out << id++ << '\t' << category.name << '\t' << part.name << '\t' << hex(part.color) << '\t'
          << (absent ? 0 : here->points) << '\t' << (absent ? 0 : here->share) << '\n';
    }
  });
}

}  // namespace pointattn::apps
