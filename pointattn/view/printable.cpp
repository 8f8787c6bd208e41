// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/printable.h"

#include <cstdint>

namespace pointattn::view {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";
constexpr int kLongest = 80;

/// Bytes of the UTF-8 sequence at the start of `text`; 0 when it is none, or none that is shown.
size_t sequence(const char* text, size_t left) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7F ? 1 : 0;
  const size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || length > left) return 0;
  uint32_t code = byte(0) & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  const bool control = code < 0xA0 || (code >= 0x2028 && code <= 0x202E) ||
                       (code >= 0x2066 && code <= 0x2069);  // line ends, changes of direction
  return code < kSmallest[length] || code > 0x10FFFF || surrogate || control ? 0 : length;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string shown;
  size_t at = 0;
  for (int characters = 0; at < text.size(); ++characters) {
    if (characters == kLongest) return shown + "…";
    const size_t length = sequence(text.data() + at, text.size() - at);
    if (length == 0) {
      shown += kReplacement;
      ++at;
    } else {
      shown.append(text, at, length);
      at += length;
    }
  }
  return shown;
}

}  // namespace pointattn::view
