// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pointattn::view {

/// Text of a file made fit to be shown: valid UTF-8 in one line of at most 80 characters. What is
/// not valid, and control characters, become U+FFFD.
std::string printable(const std::string& text);

}  // namespace pointattn::view
