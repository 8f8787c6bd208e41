// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

/// Small clouds and files that the tests of io share.
namespace pointattn::io::test {

/// x y z and a field of every type that the format has, with extremes, NaN, infinities, -0.0 and
/// denormals among the first rows.
Cloud cloud_of_every_type(int64_t points, bool with_64_bit_integers);

/// Same fields in the same order with the same types and bits.
void expect_same_fields(const Cloud& got, const Cloud& expected);

/// Bytes that write_cloud makes.
std::string written(const Cloud& cloud, const std::string& extension, Encoding encoding);

/// read_cloud of a file of these bytes.
Cloud parsed(const std::string& bytes, const std::string& extension);

/// The message of the c10::Error that reading these bytes throws; "no error" when there is none.
std::string refusal(const std::string& bytes, const std::string& extension);

struct SampleFile {
  std::string what;
  std::string extension;
  std::string bytes;
};

/// For GoogleTest's messages.
void PrintTo(const SampleFile& file, std::ostream* out);

/// A small valid file of every format and encoding.
std::vector<SampleFile> sample_files();

/// Two triangles of a square with a third polygon, as text.
std::string off_text();
std::string obj_text();
std::string stl_text();
std::string stl_bytes();

}  // namespace pointattn::io::test
