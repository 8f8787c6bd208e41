// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/train/dataset.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pointattn::datasets {

struct OpenOptions {
  std::string split = "all";  ///< all, train, val, test or trainval
  int64_t points =
      0;  ///< at most this many points of a shape, 0 for all; generated shapes have 2048 by default
  uint64_t seed = 0;   ///< of generated shapes, and of the choice of points of text files
  int64_t shapes = 0;  ///< generated shapes in all, 0 for 100 a category
  double noise = 0;    ///< of generated shapes, see make_shape()
  /// Names for HDF5 files, instead of those found beside them.
  std::optional<LabelMap> labels = std::nullopt;
};

/// Opens a data set by the name of a generator or by a path:
///   procedural, procedural:chair,mug   generated objects; train, val and test hold different ones,
///   all is train FILE.h5, FILE.hdf5                 an HDF5 file of the ShapeNetPart / ModelNet40
///   layout LIST.txt                           names of such files, one a line STEM STEM_train.h5,
///   STEM_test.h5 FOLDER                             such files, or lists of them
///   (train_files.txt), or ShapeNetPart as text
/// The split picks files, list entries or folders; a file that is named itself must not bear the
/// mark of another split. Throws c10::Error: an unknown name (with what is known), and every fault
/// of a file, with its path.
train::DatasetPtr open_dataset(const std::string& name_or_path, const OpenOptions& options = {});

struct DatasetInfo {
  std::string name;
  std::string description;  ///< one line
};

/// What open_dataset() understands, for --help.
std::vector<DatasetInfo> list_datasets();

}  // namespace pointattn::datasets
