// SPDX-License-Identifier: Apache-2.0
// HDF5 files that lie, break off or point elsewhere: each ends in an error that names the file,
// none in a crash or a huge allocation.
#include "datasets/registry.h"
#include "pointattn/core/files.h"
#include "tests/datasets/messages.h"
#include "tests/datasets/write_hdf5.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

namespace pointattn::datasets {
namespace {
namespace fs = std::filesystem;
using test::Hdf5Writer;

class HostileHdf5 : public testing::Test {
 protected:
  /// Writes the fixture after `change`, without the datasets whose tensor is undefined.
  void write(const std::function<void(test::Fixture&)>& change, hid_t label_type = H5T_STD_I64LE) {
    test::Fixture f = test::make_fixture();
    change(f);
    Hdf5Writer writer(path_);
    if (f.data.defined()) writer.write("data", f.data, H5T_IEEE_F32LE);
    if (f.normal.defined()) writer.write("normal", f.normal, H5T_IEEE_F32LE);
    if (f.label.defined()) writer.write("label", f.label, label_type);
    if (f.pid.defined()) writer.write("pid", f.pid, H5T_STD_I64LE);
  }
  void expect(const std::string& a, const std::string& b = "") {
    EXPECT_COMPLAINT(open_dataset(path_.string()), path_.string(), a, b);
  }

  const test::ScratchFolder folder_;
  const fs::path path_ = folder_ / "bad.h5";
};

TEST_F(HostileHdf5, NotHdf5) {
  expect("no such file");
  write_file(path_, [](std::ostream&) {});
  expect("expected an HDF5 file");
  write_file(path_, [](std::ostream& out) { out << "\x89HDF\r\n\x1a\n and then something else"; });
  expect("damaged or truncated");
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_COMPLAINT(open_dataset(path_.string()), path_.string());
}

TEST_F(HostileHdf5, TruncatedAnywhere) {
  write([](test::Fixture&) {});
  const std::string whole = read_file(path_);
  for (size_t size = 0; size < whole.size(); size += 97) {
    write_file(path_, [&](std::ostream& out) { out << whole.substr(0, size); });
    EXPECT_COMPLAINT(open_dataset(path_.string()), path_.string());
  }
}

TEST_F(HostileHdf5, FlippedBytesNeverCrash) {
  write([](test::Fixture&) {});
  const std::string whole = read_file(path_);
  for (size_t at = 0; at < whole.size(); at += 61) {
    std::string broken = whole;
    broken[at] = static_cast<char>(~broken[at]);
    write_file(path_, [&](std::ostream& out) { out << broken; });
    test::complaint([&] { open_dataset(path_.string()); });
  }
}

TEST_F(HostileHdf5, WrongShapes) {
  write([](test::Fixture& f) { f.data = at::Tensor(); });
  expect("dataset 'data', found none");
  write([](test::Fixture& f) { f.label = at::Tensor(); });
  expect("dataset 'label', found none");
  write([](test::Fixture& f) { f.data = f.data.reshape({4, 96}); });
  expect("data: expected [S,N,3]", "[4, 96]");
  write([](test::Fixture& f) { f.data = at::zeros({4, 32, 4}); });
  expect("data: expected [S,N,3]", "[4, 32, 4]");
  write([](test::Fixture& f) { f.data = at::zeros({0, 32, 3}); });
  expect("[0, 32, 3]");
  write([](test::Fixture& f) { f.label = f.label.narrow(0, 0, 3); });
  expect("label: expected [S]", "[3, 1]");
  write([](test::Fixture& f) { f.label = f.label.expand({4, 2}); });
  expect("label: expected [S]", "[4, 2]");
  write([](test::Fixture& f) { f.normal = f.normal.narrow(1, 0, 31); });
  expect("normal: expected [S,N,3]", "[4, 31, 3]");
  write([](test::Fixture& f) { f.pid = f.pid.narrow(0, 0, 2); });
  expect("pid: expected [S,N]", "[2, 32]");
  write([](test::Fixture& f) { f.pid = f.pid.flatten(); });
  expect("pid: expected [S,N]", "[128]");
}

TEST_F(HostileHdf5, WrongTypes) {
  write([](test::Fixture& f) { f.label = f.label.to(at::kFloat); }, H5T_IEEE_F32LE);
  expect("label: expected integers");
  {
    Hdf5Writer writer(path_);
    writer.write("data", at::zeros({4, 32, 3}, at::kLong), H5T_STD_I32LE);
    writer.write("label", at::zeros({4}, at::kLong), H5T_STD_I32LE);
  }
  expect("data: expected floating-point");
  {
    Hdf5Writer writer(path_);
    H5Gclose(H5Gcreate2(writer.file(), "data", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }
  expect("'data' is not a dataset");
}

TEST_F(HostileHdf5, WrongNumbers) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    write([&](test::Fixture& f) { f.data[2][5][1] = bad; });
    expect("data: expected finite numbers", "shape 2, point 5");
    write([&](test::Fixture& f) { f.normal[1][0][2] = bad; });
    expect("normal: expected finite numbers", "shape 1, point 0");
  }
  write([](test::Fixture& f) { f.label[1] = -1; });
  expect("label of shape 1");
  write([](test::Fixture& f) { f.label[1] = std::numeric_limits<int64_t>::max(); });
  expect("label of shape 1");
  write([](test::Fixture& f) { f.pid[3][3] = -7; });
  expect("pid of shape 3", "got -7");
  write([](test::Fixture& f) { f.pid[3][3] = int64_t{1} << 40; });
  expect("pid of shape 3");
}

TEST_F(HostileHdf5, HugeClaims) {
  const auto claim = [&](const std::vector<hsize_t>& sizes) {
    Hdf5Writer writer(path_);
    writer.claim("data", sizes, {1, 1024, 3}, H5T_IEEE_F32LE);
    writer.write("label", at::zeros({4}, at::kLong), H5T_STD_U8LE);
  };
  claim({hsize_t{1} << 40, hsize_t{1} << 20, 3});
  expect("data: dimension 0");
  claim({hsize_t{1} << 30, hsize_t{1} << 30, 3});
  expect("data: expected at most");
  claim({100000, 2048, 3});  // 2.4 GB of which no byte is stored
  expect("stored bytes cannot hold");
}

TEST_F(HostileHdf5, DataInOtherFiles) {
  write([](test::Fixture&) {});
  fs::rename(path_, folder_ / "other.h5");
  {
    Hdf5Writer writer(path_);
    H5Lcreate_external(
        (folder_ / "other.h5").c_str(), "/data", writer.file(), "data", H5P_DEFAULT, H5P_DEFAULT);
    writer.write("label", at::zeros({4}, at::kLong), H5T_STD_U8LE);
  }
  expect("link to elsewhere");
  {
    Hdf5Writer writer(path_);
    const std::vector<hsize_t> sizes{4, 32, 3};
    const hid_t space = H5Screate_simple(3, sizes.data(), nullptr);
    const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(plan, "/etc/hostname", 0, 4 * 32 * 3 * 4);
    H5Dclose(
        H5Dcreate2(writer.file(), "data", H5T_IEEE_F32LE, space, H5P_DEFAULT, plan, H5P_DEFAULT));
    H5Pclose(plan);
    H5Sclose(space);
    writer.write("label", at::zeros({4}, at::kLong), H5T_STD_U8LE);
  }
  expect("data in other files");
}

TEST_F(HostileHdf5, NothingIsPrinted) {
  write_file(path_, [](std::ostream& out) { out << "\x89HDF\r\n\x1a\n and then something else"; });
  testing::internal::CaptureStderr();
  test::complaint([&] { open_dataset(path_.string()); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pointattn::datasets
