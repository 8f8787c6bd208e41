// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

namespace pointattn {

/// Writes a file as a whole or not at all: `write` fills a file beside `path`, which is synced and
/// then renamed onto it. When `write` throws or the disk is full, the neighbour is removed, `path`
/// keeps what it had, and the error goes on (c10::Error naming `path`).
void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

/// The same for a library that insists on a path: `write` gets the name of the neighbour (same
/// folder, same extension).
void write_file_by_path(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& write);

/// The whole file as bytes; throws c10::Error with the path and the system's reason, and for a file
/// of more than `most` bytes, pipes too.
std::string read_file(const std::filesystem::path& path, uint64_t most = UINT64_MAX);

}  // namespace pointattn
