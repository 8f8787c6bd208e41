// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::apps {

/// The clouds and meshes that a command was asked for: files as they are named, and those of folders
/// in the order of their names, without the results of earlier runs (*_parts.*), which `notes`
/// hears of. Throws c10::Error for a folder that cannot be read or holds none.
std::vector<std::filesystem::path> cloud_files(const std::vector<std::string>& inputs,
                                               std::vector<std::string>& notes);

}  // namespace pointattn::apps
