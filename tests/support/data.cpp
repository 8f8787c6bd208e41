// SPDX-License-Identifier: Apache-2.0
#include "tests/support/data.h"

#include <cstdlib>

namespace pointattn::test {
namespace fs = std::filesystem;

std::optional<fs::path> data_folder() {
  const char* named = std::getenv("POINTATTN_DATA");
  const fs::path folder =
      named ? fs::path(named) : fs::path(POINTATTN_SOURCE_DIR) / ".." / "shared" / "data";
  if (!fs::is_directory(folder)) return std::nullopt;
  return fs::canonical(folder);
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (fs::temp_directory_path() / "pointattn-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make a folder " + pattern);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace pointattn::test
