// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud_files.h"

#include "apps/cli.h"
#include "pointattn/io/cloud.h"

#include <c10/util/Exception.h>

#include <algorithm>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSuffix = "_parts";

std::vector<fs::path> files_in(const fs::path& folder, std::vector<std::string>& notes) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!io::is_cloud_file(entry->path()) || !entry->is_regular_file()) continue;
    if (entry->path().stem().string().ends_with(kSuffix)) {
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

fs::path ResultNames::operator()(const fs::path& input) {
  const std::string stem = input.stem().string() + kSuffix;
  std::string name = stem + extension_;
  for (int number = 2; !taken_.insert(name).second; ++number)
    name = stem + "_" + std::to_string(number) + extension_;
  return folder_ / name;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  TORCH_CHECK(!error, "cannot make folder ", folder.string(), ": ", error.message());
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  // absolute() first: what does not exist would stay relative, so that a.ply and ./a.ply differed.
  return fs::weakly_canonical(fs::absolute(a), ignored) ==
             fs::weakly_canonical(fs::absolute(b), ignored) ||
         fs::equivalent(a, b, ignored);
}

void check_not_input(const fs::path& result, const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    if (same_file(result, input))
      throw UsageError("the result " + result.string() + " would overwrite the input " +
                       input.string());
  }
}

}  // namespace pointattn::apps
