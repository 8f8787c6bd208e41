// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace pointattn::test {

/// Folder of the real data (POINTATTN_DATA, else ../shared/data beside the checkout); nothing when
/// it is not there.
std::optional<std::filesystem::path> data_folder();

/// A fresh folder under the system's temporary one, removed at the end of scope.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace pointattn::test

/// Skips the case, visibly and with the reason, when the real data is not at hand.
#define POINTATTN_NEED_DATA(variable)                                                                          \
  const auto variable##_found = pointattn::test::data_folder();                                                \
  if (!variable##_found) GTEST_SKIP() << "real data not found: set POINTATTN_DATA to the folder that holds it"; \
  const std::filesystem::path variable = *variable##_found
