// SPDX-License-Identifier: Apache-2.0
#include "datasets/hdf5_file.h"

#include "datasets/hdf5_reader.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <mutex>

namespace pointattn::datasets {
namespace {

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

at::Tensor read_vectors(const Hdf5Reader& reader,
                        const std::filesystem::path& path,
                        const char* name,
                        int64_t shapes,
                        int64_t points) {
  at::Tensor values = at::empty({shapes, points, 3}, at::kFloat);
  reader.read(name, {shapes, points, 3}, H5T_NATIVE_FLOAT, values.mutable_data_ptr<float>());
  expect_finite(path, name, values);
  return values;
}

std::vector<int64_t> read_categories(const Hdf5Reader& reader,
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

at::Tensor read_parts(const Hdf5Reader& reader,
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
  const Hdf5Reader reader(path, file);

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
