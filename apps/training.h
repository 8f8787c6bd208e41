// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/cli.h"
#include "pointattn/train/augment.h"
#include "pointattn/train/loop.h"

#include <filesystem>

/// What the commands under `pointattn train` share.
namespace pointattn::apps {

/// What a run leaves and how it goes on, for the end of a command's help.
inline constexpr const char* kRunFooter =
    "The run's folder gets options.json, metrics.jsonl, metrics.csv, best.safetensors and "
    "last.safetensors. Ctrl-C or a kill loses at most one epoch: the same command with --resume "
    "goes on.";

/// -o and --resume.
void add_run(CLI::App& app, train::TrainRun& run);

/// The options of the loop, group "Training"; --seed is among the shared flags.
void add_loop_options(CLI::App& app, train::LoopOptions& options);

/// The options of augmentation, in a group of that name.
void add_augmentation(CLI::App& app, train::AugmentOptions& options);

/// Progress on stderr: a line that renews itself on a terminal, and a lasting one an epoch. The
/// first Ctrl-C or termination ends the run after the present step, a second one at once.
train::TrainEvents training_events(const Shared& shared);

/// What a model card must say about how the weights came to be.
nlohmann::json provenance(const std::filesystem::path& data);

/// Prints the best epoch and where its model is, or that the run was stopped; the exit code.
int report_result(const train::TrainRun& run, const train::TrainResult& result);

}  // namespace pointattn::apps
