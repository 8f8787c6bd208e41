// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::apps {

/// What `pointattn segment` was asked for about files.
struct FileRequest {
  std::vector<std::string> inputs;  ///< files and folders
  std::string output;               ///< file for one input, else a folder; empty: beside the caller
  std::string labels;               ///< the same for plain label files; empty: none
  std::string legend;               ///< and for legend files
  std::string format;               ///< ply, pcd or empty: follows from the output's name
  std::string encoding;             ///< ascii, binary or compressed
};

/// One file and where its results go.
struct FileTask {
  std::filesystem::path input;
  std::filesystem::path output;
  std::filesystem::path labels;  ///< empty: none
  std::filesystem::path legend;  ///< empty: none
};

struct Plan {
  std::vector<FileTask> tasks;
  std::vector<std::string> notes;  ///< what was passed over, one line each
  io::Encoding encoding = io::Encoding::kBinary;
};

/// Files of folders in the order of their names, without the results of earlier runs (*_parts.*); a
/// place for every result, none of them twice and none on an input. Makes the output folders.
/// Throws UsageError for a request that cannot be meant, c10::Error for an unreadable folder.
Plan plan_files(const FileRequest& request);

}  // namespace pointattn::apps
