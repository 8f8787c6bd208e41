// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/data.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace pointattn::test {

/// The Debian packages whose programs these tests need and this machine lacks; empty when it has
/// all.
std::string missing_display_packages();

/// A program that runs beside the test; ended with it.
class Background {
 public:
  /// `environment` holds NAME=value; NAME= takes a variable away.
  Background(const std::vector<std::string>& environment,
             const std::vector<std::string>& command,
             const std::filesystem::path& folder = {});
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  std::string out() const;
  std::string err() const;
  bool running();
  /// The exit code; −1 for an end by signal, and when it has not ended after so many seconds.
  int wait(double seconds);

 private:
  ScratchFolder scratch_;
  pid_t pid_ = -1;
  int code_ = -1;
};

/// A screen in memory (Xvfb) with real keys and a real pointer (xdotool).
class VirtualDisplay {
 public:
  VirtualDisplay(int width, int height);

  /// ":7"
  const std::string& name() const { return name_; }
  /// What the screen shows, uint8 [H,W,3].
  at::Tensor picture() const;
  /// What it shows once `wanted` holds of it and it no longer changes. Fails the test when that
  /// takes more than `seconds`.
  at::Tensor picture_when(const std::function<bool(const at::Tensor&)>& wanted,
                          double seconds = 60) const;
  /// Presses keys by their X names, such as "c", "plus", "Left".
  void press(const std::string& keys) const { xdotool("key " + keys); }
  void move_pointer(int64_t x, int64_t y) const;
  /// Any call of xdotool.
  void xdotool(const std::string& arguments) const;

 private:
  ScratchFolder scratch_;
  int width_;
  int height_;
  std::string name_;
  std::unique_ptr<Background> server_;
};

}  // namespace pointattn::test
