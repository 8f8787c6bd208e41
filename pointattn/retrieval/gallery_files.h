// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace pointattn::retrieval {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

/// A file that any number of threads read at any place. Errors are c10::Error with the path. Not a
/// memory map: a file that someone cuts while it is read is an error here, not a signal.
class RandomFile {
 public:
  explicit RandomFile(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }
  void read(int64_t offset, void* to, int64_t bytes) const;
  std::string read(int64_t offset, int64_t bytes) const;

 private:
  std::filesystem::path path_;
  Descriptor file_;
  int64_t size_ = 0;
};

/// A new file that is written from front to back.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);
  const std::filesystem::path& path() const { return path_; }
  void write(std::string_view bytes);
  int64_t size() const { return size_; }
  /// Writes what is held back and waits for the disk.
  void sync();

 private:
  void flush();

  std::filesystem::path path_;
  Descriptor file_;
  std::string held_;
  int64_t size_ = 0;
};

/// The right to write a gallery, for as long as the object lives; the system ends it with the
/// process. Throws c10::Error that names the folder when someone has it.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  Descriptor file_;
};

/// Waits until names that were made or renamed in the folder are on the disk.
void sync_folder(const std::filesystem::path& folder);

/// CRC-32 as in zip and PNG.
uint32_t checksum(std::string_view bytes);

/// The same of bytes that come in pieces.
class Checksum {
 public:
  void add(std::string_view bytes);
  uint32_t value() const { return value_; }

 private:
  uint32_t value_ = 0;
};

}  // namespace pointattn::retrieval
