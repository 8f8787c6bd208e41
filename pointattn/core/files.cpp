// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"

#include <c10/util/Exception.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace pointattn {
namespace fs = std::filesystem;
namespace {

/// Removes the neighbour unless it was renamed.
struct Neighbour {
  fs::path path;
  bool keep = false;
  ~Neighbour() {
    std::error_code ignored;
    if (!keep) fs::remove(path, ignored);
  }
};

fs::path neighbour_of(const fs::path& path) {
  fs::path name(".");
  name += path.stem();
  name += ".part" + std::to_string(::getpid());
  name += path.extension();
  return path.parent_path() / name;
}

void sync_to_disk(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

}  // namespace

void write_file_by_path(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  TORCH_CHECK(
      fs::is_directory(folder), "cannot write ", path.string(), ": no folder ", folder.string());
  TORCH_CHECK(!fs::is_directory(path), "cannot write ", path.string(), ": it is a folder");
  Neighbour neighbour{neighbour_of(path)};
  write(neighbour.path);
  sync_to_disk(neighbour.path);
  std::error_code error;
  fs::rename(neighbour.path, path, error);
  TORCH_CHECK(!error, "cannot write ", path.string(), ": ", error.message());
  neighbour.keep = true;
}

void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  write_file_by_path(path, [&](const fs::path& beside) {
    errno = 0;
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    TORCH_CHECK(out, "cannot write ", path.string(), ": ", std::strerror(errno));
    write(out);
    out.flush();
    TORCH_CHECK(
        out, "cannot write ", path.string(), ": ", errno ? std::strerror(errno) : "output failed");
  });
}

std::string read_file(const fs::path& path, uint64_t most) {
  TORCH_CHECK(!fs::is_directory(path), "cannot read ", path.string(), ": it is a folder");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  TORCH_CHECK(in, "cannot read ", path.string(), ": ", std::strerror(errno));
  std::string bytes;
  std::error_code unknown;  // pipes and /proc have no size: they are read to their end below
  if (const auto size = fs::file_size(path, unknown); !unknown && size <= most) bytes.reserve(size);
  for (char block[1 << 16]; in.read(block, sizeof block), in.gcount() > 0;) {
    bytes.append(block, static_cast<size_t>(in.gcount()));
    TORCH_CHECK(
        bytes.size() <= most, path.string(), ": expected at most ", most, " bytes, got more");
  }
  TORCH_CHECK(!in.bad(), "cannot read ", path.string(), ": ", std::strerror(errno));
  return bytes;
}

}  // namespace pointattn
