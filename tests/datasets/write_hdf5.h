// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <hdf5.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::test {

/// Writes HDF5 files for tests, by the C library alone.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& path);
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  /// A dataset of the tensor's sizes and values, stored as `type`.
  void write(const char* name, const at::Tensor& values, hid_t type);
  /// A chunked and packed dataset of which nothing is stored.
  void claim(const char* name,
             const std::vector<hsize_t>& sizes,
             const std::vector<hsize_t>& chunk,
             hid_t type);
  hid_t file() const { return file_; }

 private:
  hid_t file_;
};

/// Four shapes of 32 points in the unit sphere: categories 0 0 1 1, part ids 0 1 and 2 3 4.
struct Fixture {
  at::Tensor data;
  at::Tensor normal;
  at::Tensor label;
  at::Tensor pid;
};
Fixture make_fixture();

/// The fixture as the releases have it.
void write_fixture(const std::filesystem::path& path, const Fixture& fixture);

}  // namespace pointattn::test
