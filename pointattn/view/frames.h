// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>

namespace pointattn::view {

/// Pictures one after another, all uint8 [H,W,4] of one size, made when they are asked for.
struct Frames {
  int64_t count = 0;
  int64_t hundredths = 7;  ///< of a second that each lasts
  std::function<at::Tensor(int64_t)> draw;
};

/// Written whole or not at all.
void write_gif(const std::filesystem::path& path, const Frames& frames);
void write_mp4(const std::filesystem::path& path, const Frames& frames);

}  // namespace pointattn::view
