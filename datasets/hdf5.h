// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/registry.h"

#include <string>

namespace pointattn::datasets {

/// HDF5 files of the layout of the public ShapeNetPart and ModelNet40 releases, read into memory as
/// a whole:
///   data [S,N,3] floats, label [S] or [S,1] integers, and where there are: normal [S,N,3] floats,
///   pid [S,N] integers (part ids, global over the categories). A limit of points takes the first
///   ones of every shape.
/// Names of categories and parts come from OpenOptions::labels; else from STEM_meta.json beside
/// STEM_train.h5 (`categories`, or the list `top_classes`); else from shape_names.txt; else
/// ShapeNetPart's or ModelNet40's own names where path or ids tell it is that release; else they
/// are "category 0", "part 0" …, parts from the ranges of ids that the categories use. Ids are
/// checked against them.
bool is_hdf5(const std::string& name_or_path);
train::DatasetPtr open_hdf5(const std::string& name_or_path, const OpenOptions& options);

}  // namespace pointattn::datasets
