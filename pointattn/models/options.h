// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace pointattn::models {

/// Reads an architecture's options from JSON into variables that hold their defaults. Options that
/// the architecture does not know are refused, so that a misspelt one does not silently do nothing.
///
///   OptionReader read("pct", spec.options);
///   read("neighbors", options.neighbors);
///   read.finish();
class OptionReader {
 public:
  OptionReader(std::string architecture, const nlohmann::json& json)
      : architecture_(std::move(architecture)) {
    TORCH_CHECK_VALUE(
        json.is_object(), architecture_, ": expected options as a JSON object, got ", json.dump());
    for (const auto& [key, value] : json.items()) left_[key] = value;
  }

  template <typename T>
  void operator()(const std::string& key, T& value) {
    known_ += (known_.empty() ? "" : ", ") + key;
    const auto found = left_.find(key);
    if (found == left_.end()) return;
    try {
      value = found->second.template get<T>();
    } catch (const nlohmann::json::exception&) {
      TORCH_CHECK_VALUE(
          false, architecture_, ": option '", key, "' cannot be ", found->second.dump());
    }
    left_.erase(found);
  }

  void finish() const {
    TORCH_CHECK_VALUE(left_.empty(),
                      architecture_,
                      ": unknown option '",
                      left_.empty() ? "" : left_.begin()->first,
                      "'; known: ",
                      known_.empty() ? "none" : known_);
  }

 private:
  std::string architecture_;
  std::string known_;
  std::map<std::string, nlohmann::json> left_;
};

}  // namespace pointattn::models
