// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/loop.h"

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::train {

/// metrics.jsonl and metrics.csv of a run: a line an epoch in each, there as soon as the epoch
/// ends.
class RunLog {
 public:
  /// Keeps the lines of the first `epochs` epochs that the folder holds and drops later ones (those
  /// of an epoch that was cut off).
  RunLog(const std::filesystem::path& folder, int64_t epochs);
  void add(const EpochReport& report);

 private:
  void write() const;
  std::filesystem::path folder_;
  std::vector<nlohmann::json> lines_;
};

}  // namespace pointattn::train
