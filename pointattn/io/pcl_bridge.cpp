// SPDX-License-Identifier: Apache-2.0
// The only source that includes PCL. Its PCD reader and writer are not used: they drop comments,
// turn missing or misspelt numbers of ascii files into zeros without a word, keep the zeros of a
// cut file, and write float32 with 8 digits.
#include "pointattn/io/lzf.h"

#include <c10/util/Exception.h>
#include <pcl/io/lzf.h>

#include <limits>

namespace pointattn::io {

std::string lzf_compress(std::string_view bytes) {
  if (bytes.empty()) return {};
  // Bytes that do not compress grow by one in 32.
  std::string packed(bytes.size() + bytes.size() / 16 + 64, '\0');
  TORCH_CHECK(packed.size() <= std::numeric_limits<unsigned>::max(),
              "binary_compressed PCD: expected less than 4 GB, got ",
              bytes.size(),
              " bytes");
  const unsigned size = pcl::lzfCompress(bytes.data(),
                                         static_cast<unsigned>(bytes.size()),
                                         packed.data(),
                                         static_cast<unsigned>(packed.size()));
  TORCH_CHECK(size > 0, "binary_compressed PCD: compression failed");
  packed.resize(size);
  return packed;
}

bool lzf_decompress(std::string_view packed, char* to, size_t size) {
  if (packed.empty() || size == 0) return packed.empty() && size == 0;
  return pcl::lzfDecompress(packed.data(),
                            static_cast<unsigned>(packed.size()),
                            to,
                            static_cast<unsigned>(size)) == size;
}

}  // namespace pointattn::io
