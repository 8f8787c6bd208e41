// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"
#include "pointattn/io/input.h"

#include <ostream>
#include <string_view>
#include <vector>

namespace pointattn::io {

/// What the table in formats.cpp knows of a format. A new one is a file that makes such a record,
/// and a line in the table.
struct Format {
  std::vector<std::string_view> extensions;  ///< lower case, with the dot
  /// Whether a file that starts like this is surely of this format, whatever its name; null when
  /// that cannot be told.
  bool (*recognises)(std::string_view bytes) = nullptr;
  Cloud (*read)(const Input& input) = nullptr;
  /// Null for a format that is only read.
  void (*write)(std::ostream& out, const Cloud& cloud, Encoding encoding) = nullptr;
};

Format pcd_format();
Format ply_format();
Format text_format();
Format off_format();
Format obj_format();
Format stl_format();

}  // namespace pointattn::io
