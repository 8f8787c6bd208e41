// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/gallery_files.h"

#include <c10/util/Exception.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

namespace pointattn::retrieval {
namespace fs = std::filesystem;
namespace {

constexpr size_t kHeldBytes = 1 << 20;

int opened(const fs::path& path, int flags, const char* verb) {
  const int number = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  TORCH_CHECK(number >= 0, "cannot ", verb, " ", path.string(), ": ", std::strerror(errno));
  return number;
}

}  // namespace

Descriptor::~Descriptor() { ::close(number_); }

RandomFile::RandomFile(fs::path path)
    : path_(std::move(path)), file_(opened(path_, O_RDONLY | O_NONBLOCK, "read")) {
  struct stat status {};
  TORCH_CHECK(::fstat(file_.number(), &status) == 0 && S_ISREG(status.st_mode),
              "cannot read ",
              path_.string(),
              ": expected a plain file");
  size_ = status.st_size;
}

void RandomFile::read(int64_t offset, void* to, int64_t bytes) const {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(file_.number(), at, static_cast<size_t>(bytes), offset);
    if (got < 0 && errno == EINTR) continue;
    TORCH_CHECK(got >= 0, "cannot read ", path_.string(), ": ", std::strerror(errno));
    TORCH_CHECK(got > 0,
                path_.string(),
                ": cut: expected ",
                bytes,
                " more bytes at byte ",
                offset,
                ", got none");
    at += got;
    offset += got;
    bytes -= got;
  }
}

std::string RandomFile::read(int64_t offset, int64_t bytes) const {
  TORCH_CHECK(offset >= 0 && bytes >= 0 && offset <= size_ && bytes <= size_ - offset,
              path_.string(),
              ": expected ",
              bytes,
              " bytes at byte ",
              offset,
              ", the file has ",
              size_);
  std::string text(static_cast<size_t>(bytes), '\0');
  read(offset, text.data(), bytes);
  return text;
}

AppendFile::AppendFile(fs::path path)
    : path_(std::move(path)), file_(opened(path_, O_WRONLY | O_CREAT | O_TRUNC, "write")) {
  held_.reserve(2 * kHeldBytes);
}

void AppendFile::write(std::string_view bytes) {
  held_ += bytes;
  size_ += static_cast<int64_t>(bytes.size());
  if (held_.size() >= kHeldBytes) flush();
}

void AppendFile::flush() {
  for (size_t done = 0; done < held_.size();) {
    const ssize_t put = ::write(file_.number(), held_.data() + done, held_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    TORCH_CHECK(put > 0, "cannot write ", path_.string(), ": ", std::strerror(errno));
    done += static_cast<size_t>(put);
  }
  held_.clear();
}

void AppendFile::sync() {
  flush();
  TORCH_CHECK(
      ::fsync(file_.number()) == 0, "cannot write ", path_.string(), ": ", std::strerror(errno));
}

FolderLock::FolderLock(const fs::path& folder)
    : file_(opened(folder / "lock", O_RDWR | O_CREAT, "write")) {
  const bool free = ::flock(file_.number(), LOCK_EX | LOCK_NB) == 0;
  TORCH_CHECK(free || errno == EWOULDBLOCK,
              "gallery ",
              folder.string(),
              ": cannot lock it: ",
              std::strerror(errno));
  TORCH_CHECK(free, "gallery ", folder.string(), ": another build is writing it");
}

void sync_folder(const fs::path& folder) {
  const Descriptor descriptor(opened(folder, O_RDONLY | O_DIRECTORY, "read"));
  TORCH_CHECK(::fsync(descriptor.number()) == 0,
              "cannot write ",
              folder.string(),
              ": ",
              std::strerror(errno));
}

void Checksum::add(std::string_view bytes) {
  value_ = static_cast<uint32_t>(
      ::crc32_z(value_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t checksum(std::string_view bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace pointattn::retrieval
