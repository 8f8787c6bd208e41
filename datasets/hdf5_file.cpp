// SPDX-License-Identifier: Apache-2.0
#include "datasets/hdf5_file.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace pointattn::datasets {
namespace {

constexpr int64_t kMaxBytes = int64_t{8} << 30;
constexpr int64_t kTrustedBytes = int64_t{64}
                                  << 20;  ///< below this no harm is done, however well it packs
constexpr int64_t kMaxPacking = 1100;     ///< deflate packs 1032 to 1 at best
constexpr int64_t kMaxCategory = 9999;
constexpr int64_t kMaxPart = 32767;

/// The library is not built to be called by several threads.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// HDF5 prints its error stack by default; a library must not.
class Silence {
 public:
  Silence() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Silence() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

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

/// Reads the datasets of one open file.
class Reader {
 public:
  Reader(const std::filesystem::path& path, hid_t file) : path_(path.string()), file_(file) {}

  bool has(const char* name) const { return H5Lexists(file_, name, H5P_DEFAULT) > 0; }

  /// Sizes of a dataset that is safe to read: of this type, in this file, no larger than its bytes
  /// allow.
  std::vector<int64_t> sizes(const char* name, H5T_class_t type) const {
    TORCH_CHECK_VALUE(has(name), path_, ": expected a dataset '", name, "', found none");
    H5L_info_t link{};
    TORCH_CHECK_VALUE(
        H5Lget_info(file_, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD,
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

  /// The first `count[d]` entries of every dimension.
  void read(const char* name,
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

 private:
  Handle open(const char* name) const {
    const hid_t set = H5Dopen2(file_, name, H5P_DEFAULT);
    TORCH_CHECK_VALUE(set >= 0, path_, ": '", name, "' is not a dataset, or damaged");
    return {set, H5Dclose};
  }

  void check_bytes(const char* name,
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

  std::string path_;
  hid_t file_;
};

void expect_sizes(const std::filesystem::path& path,
                  const char* name,
                  const std::vector<int64_t>& got,
                  bool good,
                  const char* expected,
                  int64_t shapes,
                  int64_t points) {
  TORCH_CHECK_VALUE(good,
                    path.string(),
                    ": ",
                    name,
                    ": expected ",
                    expected,
                    " for ",
                    shapes,
                    " shapes of ",
                    points,
                    " points, got ",
                    c10::IntArrayRef(got));
}

void expect_finite(const std::filesystem::path& path, const char* name, const at::Tensor& values) {
  const float* v = values.const_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    TORCH_CHECK_VALUE(std::isfinite(v[i]),
                      path.string(),
                      ": ",
                      name,
                      ": expected finite numbers, got ",
                      v[i],
                      " in shape ",
                      i / (values.size(1) * 3),
                      ", point ",
                      i / 3 % values.size(1));
  }
}

at::Tensor read_vectors(const Reader& reader,
                        const std::filesystem::path& path,
                        const char* name,
                        int64_t shapes,
                        int64_t points) {
  at::Tensor values = at::empty({shapes, points, 3}, at::kFloat);
  reader.read(name, {shapes, points, 3}, H5T_NATIVE_FLOAT, values.mutable_data_ptr<float>());
  expect_finite(path, name, values);
  return values;
}

std::vector<int64_t> read_categories(const Reader& reader,
                                     const std::filesystem::path& path,
                                     int64_t shapes) {
  const std::vector<int64_t> sizes = reader.sizes("label", H5T_INTEGER);
  const bool good =
      sizes[0] == shapes && (sizes.size() == 1 || (sizes.size() == 2 && sizes[1] == 1));
  TORCH_CHECK_VALUE(good,
                    path.string(),
                    ": label: expected [S] or [S,1] with S=",
                    shapes,
                    ", got ",
                    c10::IntArrayRef(sizes));
  std::vector<int64_t> category(static_cast<size_t>(shapes));
  reader.read("label", sizes, H5T_NATIVE_INT64, category.data());
  for (size_t i = 0; i < category.size(); ++i) {
    TORCH_CHECK_VALUE(category[i] >= 0 && category[i] <= kMaxCategory,
                      path.string(),
                      ": label of shape ",
                      i,
                      ": expected 0 to ",
                      kMaxCategory,
                      ", got ",
                      category[i]);
  }
  return category;
}

at::Tensor read_parts(const Reader& reader,
                      const std::filesystem::path& path,
                      int64_t shapes,
                      int64_t whole,
                      int64_t points) {
  const std::vector<int64_t> sizes = reader.sizes("pid", H5T_INTEGER);
  expect_sizes(path,
               "pid",
               sizes,
               sizes.size() == 2 && sizes[0] == shapes && sizes[1] == whole,
               "[S,N]",
               shapes,
               whole);
  std::vector<int32_t> wide(
      static_cast<size_t>(shapes * points));  // HDF5 clamps larger types to this range
  reader.read("pid", {shapes, points}, H5T_NATIVE_INT32, wide.data());
  at::Tensor part = at::empty({shapes, points}, at::kShort);
  auto* out = part.mutable_data_ptr<int16_t>();
  for (size_t i = 0; i < wide.size(); ++i) {
    TORCH_CHECK_VALUE(wide[i] >= 0 && wide[i] <= kMaxPart,
                      path.string(),
                      ": pid of shape ",
                      static_cast<int64_t>(i) / points,
                      ": expected 0 to ",
                      kMaxPart,
                      ", got ",
                      wide[i]);
    out[i] = static_cast<int16_t>(wide[i]);
  }
  return part;
}

}  // namespace

Hdf5Shapes read_hdf5(const std::filesystem::path& path, int64_t points) {
  TORCH_CHECK(
      std::filesystem::is_regular_file(path), "cannot read ", path.string(), ": no such file");
  const std::lock_guard lock(library());
  const Silence silence;
  TORCH_CHECK_VALUE(
      H5Fis_hdf5(path.c_str()) > 0, path.string(), ": expected an HDF5 file, got something else");
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  TORCH_CHECK(file >= 0,
              "cannot read ",
              path.string(),
              ": a damaged or truncated HDF5 file, or no permission");
  const Reader reader(path, file);

  const std::vector<int64_t> data = reader.sizes("data", H5T_FLOAT);
  TORCH_CHECK_VALUE(data.size() == 3 && data[2] == 3 && data[0] >= 1 && data[1] >= 1,
                    path.string(),
                    ": data: expected [S,N,3] with S and N from 1, got ",
                    c10::IntArrayRef(data));
  const int64_t shapes = data[0];
  const int64_t whole = data[1];
  const int64_t taken = points == 0 ? whole : std::min(points, whole);
  Hdf5Shapes result{path, {}, {}, {}, read_categories(reader, path, shapes)};
  result.xyz = read_vectors(reader, path, "data", shapes, taken);
  if (reader.has("normal")) {
    const std::vector<int64_t> sizes = reader.sizes("normal", H5T_FLOAT);
    expect_sizes(path, "normal", sizes, sizes == data, "[S,N,3]", shapes, whole);
    result.normal = read_vectors(reader, path, "normal", shapes, taken);
  }
  if (reader.has("pid")) result.part = read_parts(reader, path, shapes, whole, taken);
  return result;
}

}  // namespace pointattn::datasets
