// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/io/cloud.h"
#include "pointattn/models/segmenter.h"

#include <nlohmann/json.hpp>

#include <string>

namespace pointattn::apps {

/// A part that was found in a cloud.
struct FoundPart {
  int64_t id = 0;
  std::string name;
  std::string color;  ///< #rrggbb
  int64_t points = 0;
  double share = 0;  ///< of all points
};

/// Parts with at least one point, by id.
std::vector<FoundPart> found_parts(const models::Segmentation& result, const Category& category);

/// Adds the field `label` (int32) from global part ids, and comments that name the parts of the
/// category with their colours.
void add_part_labels(io::Cloud& cloud, const at::Tensor& label, const Category& category);

/// Adds the part colours: red, green, blue (uint8), or for PCD the packed `rgb` that its viewers
/// look for.
void add_part_colors(io::Cloud& cloud,
                     const at::Tensor& label,
                     const Category& category,
                     bool for_pcd);

/// Adds labels, `confidence` (float32) and part colours. A field of the input that has one of these
/// names is kept as orig_<name>, and so are the comments that name its labels. With `keep_colors` a
/// cloud that has colours keeps them and gets no part colours.
void add_segmentation(io::Cloud& cloud,
                      const models::Segmentation& result,
                      const Category& category,
                      bool for_pcd,
                      bool keep_colors);

/// One integer part id a line, in the order of the points.
void write_labels(const std::filesystem::path& path, const at::Tensor& label);

/// What the ids of the labels mean: a line for every part of the category, found or not, after a
/// line of headings: id, category, part, color (#rrggbb), points, share (of all points, 0 … 1);
/// separated by tabs.
void write_legend(const std::filesystem::path& path,
                  const std::vector<FoundPart>& found,
                  const Category& category);

}  // namespace pointattn::apps
