// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// The compression of PCD's binary_compressed, which PCL brings. Builds without PCL link a version
/// that throws with the cure.
namespace pointattn::io {

/// Throws c10::Error when `bytes` is larger than the format's 32-bit sizes allow.
std::string lzf_compress(std::string_view bytes);

/// Fills `size` bytes at `to`; false when `packed` does not unpack to exactly that many.
bool lzf_decompress(std::string_view packed, char* to, size_t size);

}  // namespace pointattn::io
