// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/lzf.h"

#include <c10/util/Exception.h>

namespace pointattn::io {
namespace {
constexpr const char* kCure =
    "binary_compressed PCD: this build lacks PCL; install libpcl-dev and configure again with "
    "-DPOINTATTN_PCL=ON";
}

std::string lzf_compress(std::string_view) { TORCH_CHECK(false, kCure); }

bool lzf_decompress(std::string_view, char*, size_t) { TORCH_CHECK(false, kCure); }

}  // namespace pointattn::io
