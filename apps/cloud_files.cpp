// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud_files.h"

#include "pointattn/io/cloud.h"

#include <c10/util/Exception.h>

#include <algorithm>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> files_in(const fs::path& folder, std::vector<std::string>& notes) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!io::is_cloud_file(entry->path()) || !entry->is_regular_file()) continue;
    if (entry->path().stem().string().ends_with("_parts")) {
      notes.push_back(entry->path().string() +
                      ": passed over, a result of an earlier run by its name");
    } else {
      files.push_back(entry->path());
    }
  }
  TORCH_CHECK(!error, "cannot read folder ", folder.string(), ": ", error.message());
  TORCH_CHECK(!files.empty(), folder.string(), ": no cloud or mesh in this folder");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<fs::path> cloud_files(const std::vector<std::string>& inputs,
                                  std::vector<std::string>& notes) {
  std::vector<fs::path> files;
  for (const std::string& input : inputs) {
    if (!fs::is_directory(input)) {
      files.emplace_back(input);
      continue;
    }
    for (const fs::path& file : files_in(input, notes)) files.push_back(file);
  }
  return files;
}

}  // namespace pointattn::apps
