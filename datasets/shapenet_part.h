// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/registry.h"

#include <string>

namespace pointattn::datasets {

/// ShapeNetPart (Yi et al. 2016) as the two text releases have it, one folder a category, named by
/// its WordNet offset:
///   OFFSET/points/ID.pts (x y z a line) with OFFSET/points_label/ID.seg (a line a point, from 1
///   within the category) OFFSET/ID.txt (x y z nx ny nz part, part ids global)
/// synsetoffset2category.txt tells the offsets where it is there.
/// train_test_split/shuffled_SPLIT_file_list.json give the splits; without them only "all" is
/// there. Files are read when a sample is asked for: shapes are centred on their mean and scaled
/// into the unit sphere as the HDF5 releases are, and a limit of points draws a subset that the
/// seed and the shape's place fix.
bool is_shapenet_part(const std::string& folder);
train::DatasetPtr open_shapenet_part(const std::string& folder, const OpenOptions& options);

}  // namespace pointattn::datasets
