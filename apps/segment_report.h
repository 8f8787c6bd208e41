// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/segment_output.h"
#include "apps/segment_plan.h"
#include "pointattn/view/scene.h"

#include <nlohmann/json.hpp>

#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace pointattn::apps {

/// A labelled file.
struct Outcome {
  FileTask task;
  models::Segmentation result;
  Category category;
  std::vector<FoundPart> parts;
  double seconds = 0;
  std::vector<std::string> pictures;  ///< files that show the result
  std::optional<view::Scene> scene;   ///< for a window
};

/// A share as text, "34.2 %".
std::string percent(double share);

/// Hands results out as they come, text or JSON lines on stdout and notes on stderr; a JSON file is
/// written at the end, whole.
class Reporter {
 public:
  /// json: target of the JSON lines, "-" for stdout in place of the text, empty for none.
  Reporter(std::string json, bool quiet) : target_(std::move(json)), quiet_(quiet) {}

  void done(const Outcome& outcome);
  void failed(const FileTask& task, const std::exception& error);
  void note(const std::string& text) const;
  /// Writes the JSON file; returns the exit code.
  int finish();

 private:
  void add(const nlohmann::ordered_json& json);

  std::string target_;
  bool quiet_;
  bool failed_ = false;
  std::string lines_;
};

}  // namespace pointattn::apps
