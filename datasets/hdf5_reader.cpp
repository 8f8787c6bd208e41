// SPDX-License-Identifier: Apache-2.0
#include "datasets/hdf5_reader.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>

namespace pointattn::datasets {
namespace {

constexpr int64_t kMaxBytes = int64_t{8} << 30;
constexpr int64_t kTrustedBytes = int64_t{64}
                                  << 20;  ///< below this no harm is done, however well it packs
constexpr int64_t kMaxPacking = 1100;     ///< deflate packs 1032 to 1 at best

}  // namespace

std::vector<int64_t> Hdf5Reader::sizes(const char* name, H5T_class_t type) const {
  TORCH_CHECK_VALUE(has(name), path_, ": expected a dataset '", name, "', found none");
  H5L_info_t link{};
  TORCH_CHECK_VALUE(H5Lget_info(file_, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD,
                    path_,
                    ": ",
                    name,
                    " is a link to elsewhere, which is not followed");
  const Handle set = open(name);
  const Handle kind(H5Dget_type(set), H5Tclose);
  TORCH_CHECK_VALUE(H5Tget_class(kind) == type,
                    path_,
                    ": ",
                    name,
                    ": expected ",
                    type == H5T_FLOAT ? "floating-point numbers" : "integers",
                    ", got another type");
  const Handle space(H5Dget_space(set), H5Sclose);
  std::array<hsize_t, H5S_MAX_RANK> dims{};
  const int rank = H5Sget_simple_extent_ndims(space);
  TORCH_CHECK_VALUE(rank >= 1 && H5Sget_simple_extent_dims(space, dims.data(), nullptr) == rank,
                    path_,
                    ": ",
                    name,
                    ": expected an array, got a scalar or nothing");
  std::vector<int64_t> sizes;
  for (int i = 0; i < rank; ++i) {
    TORCH_CHECK_VALUE(dims[static_cast<size_t>(i)] <= static_cast<hsize_t>(kMaxBytes),
                      path_,
                      ": ",
                      name,
                      ": dimension ",
                      i,
                      " is ",
                      dims[static_cast<size_t>(i)],
                      ", more than ",
                      kMaxBytes,
                      " bytes can hold");
    sizes.push_back(static_cast<int64_t>(dims[static_cast<size_t>(i)]));
  }
  check_bytes(name, set, sizes, static_cast<int64_t>(H5Tget_size(kind)));
  return sizes;
}

void Hdf5Reader::read(const char* name,
                      const std::vector<int64_t>& count,
                      hid_t memory_type,
                      void* out) const {
  const Handle set = open(name);
  const Handle space(H5Dget_space(set), H5Sclose);
  const std::vector<hsize_t> start(count.size(), 0);
  const std::vector<hsize_t> extent(count.begin(), count.end());
  const Handle memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                      H5Sclose);
  const bool done =
      H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) >=
          0 &&
      H5Dread(set, memory_type, memory, space, H5P_DEFAULT, out) >= 0;
  TORCH_CHECK(done,
              "cannot read ",
              path_,
              ": the data of '",
              name,
              "' is damaged, truncated, or packed by an unknown filter");
}

Handle Hdf5Reader::open(const char* name) const {
  const hid_t set = H5Dopen2(file_, name, H5P_DEFAULT);
  TORCH_CHECK_VALUE(set >= 0, path_, ": '", name, "' is not a dataset, or damaged");
  return {set, H5Dclose};
}

void Hdf5Reader::check_bytes(const char* name,
                             hid_t set,
                             const std::vector<int64_t>& sizes,
                             int64_t item) const {
  const Handle plan(H5Dget_create_plist(set), H5Pclose);
  TORCH_CHECK_VALUE(H5Pget_layout(plan) != H5D_VIRTUAL && H5Pget_external_count(plan) <= 0,
                    path_,
                    ": ",
                    name,
                    " keeps its data in other files, which are not read");
  item = std::max<int64_t>(item, 4);  // what it takes in memory
  int64_t bytes = item;
  for (const int64_t size : sizes) {
    TORCH_CHECK_VALUE(size == 0 || bytes <= kMaxBytes / size,
                      path_,
                      ": ",
                      name,
                      ": expected at most ",
                      kMaxBytes,
                      " bytes, got ",
                      c10::IntArrayRef(sizes),
                      " items of ",
                      item);
    bytes *= size;
  }
  const auto stored = static_cast<int64_t>(H5Dget_storage_size(set));
  TORCH_CHECK_VALUE(bytes <= kTrustedBytes || bytes / kMaxPacking <= stored,
                    path_,
                    ": ",
                    name,
                    ": its ",
                    stored,
                    " stored bytes cannot hold ",
                    c10::IntArrayRef(sizes),
                    " items");
}

}  // namespace pointattn::datasets
