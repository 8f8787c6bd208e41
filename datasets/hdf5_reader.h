// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::datasets {

/// Closes what an HDF5 function opened.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const {
    return id_;
  }  // NOLINT(google-explicit-constructor): passed to the C functions

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Reads the datasets of one open file, which may say anything about itself.
class Hdf5Reader {
 public:
  Hdf5Reader(const std::filesystem::path& path, hid_t file) : path_(path.string()), file_(file) {}

  bool has(const char* name) const { return H5Lexists(file_, name, H5P_DEFAULT) > 0; }

  /// Sizes of a dataset that is safe to read: of this type, in this file, at most 8 GB and no
  /// larger than its stored bytes can hold. Throws c10::Error otherwise.
  std::vector<int64_t> sizes(const char* name, H5T_class_t type) const;

  /// The first `count[d]` entries of every dimension.
  void read(const char* name,
            const std::vector<int64_t>& count,
            hid_t memory_type,
            void* out) const;

 private:
  Handle open(const char* name) const;
  void check_bytes(const char* name,
                   hid_t set,
                   const std::vector<int64_t>& sizes,
                   int64_t item) const;

  std::string path_;
  hid_t file_;
};

}  // namespace pointattn::datasets
