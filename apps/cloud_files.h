// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace pointattn::apps {

/// The clouds and meshes that a command was asked for: files as they are named, and those of folders
/// in the order of their names, without the results of earlier runs (*_parts.*), which `notes`
/// hears of. Throws c10::Error for a folder that cannot be read or holds none.
std::vector<std::filesystem::path> cloud_files(const std::vector<std::string>& inputs,
                                               std::vector<std::string>& notes);

/// Names results <stem>_parts.<extension> in a folder, numbered where two inputs have the same stem.
class ResultNames {
 public:
  ResultNames(std::filesystem::path folder, std::string extension)
      : folder_(std::move(folder)), extension_(std::move(extension)) {}
  std::filesystem::path operator()(const std::filesystem::path& input);

 private:
  std::filesystem::path folder_;
  std::string extension_;
  std::set<std::string> taken_;
};

/// Makes a folder and those above it; throws c10::Error with the system's reason.
void make_folder(const std::filesystem::path& folder);

/// Throws UsageError when the result is one of the inputs.
void check_not_input(const std::filesystem::path& result,
                     const std::vector<std::filesystem::path>& inputs);

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace pointattn::apps
