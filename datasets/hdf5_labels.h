// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/hdf5_file.h"
#include "pointattn/core/labels.h"

#include <vector>

namespace pointattn::datasets {

/// Names for the ids of the files, found as hdf5.h tells. Throws c10::ValueError when files name
/// different things, or when nothing names the ids and the categories' part ids overlap.
LabelMap find_labels(const std::vector<Hdf5Shapes>& files);

/// Throws c10::ValueError, naming file and shape, unless every category and part id has its place
/// in `labels`.
void check_ids(const Hdf5Shapes& file, const LabelMap& labels);

/// "psb" of psb_train.h5, "ply_data" of ply_data_test1.h5.
std::string stem_without_split(const std::filesystem::path& path);

/// "train", "val" or "test" where the file's name has it between separators, digits after it
/// ignored; else empty.
std::string split_mark(const std::filesystem::path& path);

}  // namespace pointattn::datasets
