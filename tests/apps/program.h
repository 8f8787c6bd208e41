// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/io/cloud.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pointattn::test {

/// What a call of the program left behind.
struct Call {
  int code = -1;
  std::string out;
  std::string err;
};

/// Runs the built program with these arguments, in `folder` when it is given.
Call pointattn(const std::vector<std::string>& arguments, const std::filesystem::path& folder = {});

/// The same with a shell's redirection behind it, such as "> /dev/full".
Call pointattn_in_shell(const std::vector<std::string>& arguments, const std::string& tail);

/// The program in `folder` as a user who may write nowhere but where everyone may: root becomes
/// `nobody`. Nothing where that cannot be had.
std::optional<Call> pointattn_unprivileged(const std::vector<std::string>& arguments,
                                           const std::filesystem::path& folder);

/// Number of lines.
int64_t lines(const std::string& text);

/// Whether `part` occurs in `text`.
bool has(const std::string& text, const std::string& part);

/// A part-segmentation model with random weights for Chair (leg, seat, back) and Mug (body,
/// handle).
void write_model(const std::filesystem::path& path);

/// `points` random points in a box twice as high as wide.
io::Cloud box_cloud(int64_t points);

}  // namespace pointattn::test
