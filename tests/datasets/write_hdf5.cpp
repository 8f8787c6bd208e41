// SPDX-License-Identifier: Apache-2.0
#include "tests/datasets/write_hdf5.h"

#include <ATen/ATen.h>

#include <stdexcept>

namespace pointattn::test {
namespace {

hid_t checked(hid_t id) {
  if (id < 0) throw std::runtime_error("the test could not write its HDF5 file");
  return id;
}

hid_t memory_type(const at::Tensor& values) {
  switch (values.scalar_type()) {
    case at::kFloat:
      return H5T_NATIVE_FLOAT;
    case at::kDouble:
      return H5T_NATIVE_DOUBLE;
    default:
      return H5T_NATIVE_INT64;
  }
}

}  // namespace

Hdf5Writer::Hdf5Writer(const std::filesystem::path& path)
    : file_(checked(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT))) {}

Hdf5Writer::~Hdf5Writer() { H5Fclose(file_); }

void Hdf5Writer::write(const char* name, const at::Tensor& values, hid_t type) {
  const std::vector<hsize_t> sizes(values.sizes().begin(), values.sizes().end());
  const hid_t space =
      checked(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
  const hid_t set =
      checked(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  const at::Tensor whole = values.contiguous();
  checked(H5Dwrite(set, memory_type(whole), H5S_ALL, H5S_ALL, H5P_DEFAULT, whole.const_data_ptr()));
  H5Dclose(set);
  H5Sclose(space);
}

void Hdf5Writer::claim(const char* name,
                       const std::vector<hsize_t>& sizes,
                       const std::vector<hsize_t>& chunk,
                       hid_t type) {
  const hid_t space =
      checked(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
  const hid_t plan = checked(H5Pcreate(H5P_DATASET_CREATE));
  checked(H5Pset_chunk(plan, static_cast<int>(chunk.size()), chunk.data()));
  checked(H5Pset_deflate(plan, 9));
  H5Dclose(checked(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, plan, H5P_DEFAULT)));
  H5Pclose(plan);
  H5Sclose(space);
}

Fixture make_fixture() {
  Fixture f;
  f.data = (at::arange(4 * 32 * 3, at::kFloat) * 0.7).sin().reshape({4, 32, 3}) * 0.5;
  f.normal = at::zeros({4, 32, 3}, at::kFloat);
  f.normal.select(2, 1).fill_(1);
  f.label = at::arange(4, at::kLong).div(2, "floor").reshape({4, 1});
  f.pid = at::cat({at::arange(32, at::kLong).remainder(2).expand({2, 32}),
                   at::arange(32, at::kLong).remainder(3).expand({2, 32}) + 2});
  return f;
}

void write_fixture(const std::filesystem::path& path, const Fixture& f) {
  Hdf5Writer writer(path);
  writer.write("data", f.data, H5T_IEEE_F32LE);
  writer.write("normal", f.normal, H5T_IEEE_F32LE);
  writer.write("label", f.label, H5T_STD_U8LE);
  writer.write("pid", f.pid, H5T_STD_U8LE);
}

}  // namespace pointattn::test
