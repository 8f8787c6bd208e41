// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/random.h"

#include <cstdint>
#include <string_view>

namespace pointattn::datasets {

/// Folds a value into a hash, so that (seed, category, index) become one well mixed seed.
inline uint64_t mixed(uint64_t hash, uint64_t value) {
  return Random(hash ^ (value * 0xD6E8FEB86659FD93u)).next();
}

/// FNV-1a: categories are hashed by name, so that a new category changes no shape of the others.
inline uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

}  // namespace pointattn::datasets
