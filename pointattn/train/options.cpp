// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/options.h"

#include "pointattn/train/trainer.h"

namespace pointattn::train {
namespace {

/// Calls `visit(name, field)` for every option: one list serves writing and reading.
template <typename Options, typename Visit>
void for_each_option(Options& options, Visit&& visit) {
  visit("architecture", options.architecture);
  visit("network", options.network);
  for_each_loop_option(options, visit);
  visit("points", options.points);
  visit("label_smoothing", options.label_smoothing);
  visit("overlap_loss", options.overlap_loss);
  visit("category_loss", options.category_loss);
  visit("unknown_category", options.unknown_category);
  visit("hold_out", options.hold_out);
  for_each_augment_option(options.augment, visit);
}

}  // namespace

nlohmann::json to_json(const TrainOptions& options) {
  nlohmann::json json;
  for_each_option(options, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

TrainOptions train_options_from_json(const nlohmann::json& json) {
  TrainOptions options;
  models::OptionReader read("train", json);
  for_each_option(options, [&](const char* name, auto& field) { read(name, field); });
  read.finish();
  return options;
}

}  // namespace pointattn::train
