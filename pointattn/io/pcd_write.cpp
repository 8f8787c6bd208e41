// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/formats.h"
#include "pointattn/io/lzf.h"
#include "pointattn/io/pcd_read.h"
#include "pointattn/io/scalars.h"
#include "pointattn/io/table.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <limits>

namespace pointattn::io {
namespace {

/// Packed colours kept in a float32 are NaNs for many colours, and text has one NaN only: as PCL
/// does, ascii files take them as integers.
std::vector<Field> ascii_fields(std::vector<Field> fields) {
  for (Field& field : fields) {
    const bool packed = field.name == "rgb" || field.name == "rgba";
    if (packed && field.values.defined() && field.values.scalar_type() == at::kFloat) {
      field.values = field.values.contiguous().view(at::kUInt32);
    }
  }
  return fields;
}

char letter_of(at::ScalarType type) {
  if (at::isFloatingType(type)) return 'F';
  return with_type(
      type, [](auto tag) { return std::is_signed_v<typename decltype(tag)::type> ? 'I' : 'U'; });
}

void append_comments(std::string& text, const std::vector<std::string>& comments) {
  for (const std::string& comment : comments) {
    for (const std::string_view line : words_of(comment, "\r\n")) {
      text += "# " + std::string(line) + '\n';
    }
  }
}

std::string sizes_of(const Cloud& cloud, int64_t points) {
  const bool known = cloud.width != 0 || cloud.height != 0;
  const int64_t width = known ? cloud.width : points;
  const int64_t height = known ? cloud.height : 1;
  int64_t product = 0;
  TORCH_CHECK_VALUE(!__builtin_mul_overflow(width, height, &product) && product == points,
                    "write_cloud: expected width x height = ",
                    points,
                    " points, got ",
                    width,
                    " x ",
                    height);
  return "WIDTH " + std::to_string(width) + "\nHEIGHT " + std::to_string(height) + '\n';
}

std::string viewpoint_of(const Cloud& cloud) {
  if (cloud.viewpoint.empty()) return "VIEWPOINT 0 0 0 1 0 0 0\n";
  TORCH_CHECK_VALUE(cloud.viewpoint.size() == 7,
                    "write_cloud: expected a viewpoint of 7 numbers, got ",
                    cloud.viewpoint.size());
  std::string text = "VIEWPOINT";
  for (const double value : cloud.viewpoint) append_number(text += ' ', value);
  return text + '\n';
}

std::string header_of(const Cloud& cloud, const Table& table, const char* data) {
  std::string text = "# .PCD v0.7 - Point Cloud Data file format\n";
  append_comments(text, cloud.comments);
  std::string names = "FIELDS", sizes = "SIZE", types = "TYPE", counts = "COUNT";
  for (const Field& field : table.fields()) {
    names += ' ' + field.name;
    sizes += ' ' + std::to_string(field.values.element_size());
    types += {' ', letter_of(field.values.scalar_type())};
    counts += ' ' + std::to_string(count_of(field));
  }
  text += "VERSION 0.7\n" + names + '\n' + sizes + '\n' + types + '\n' + counts + '\n';
  text += sizes_of(cloud, table.rows()) + viewpoint_of(cloud);
  return text + "POINTS " + std::to_string(table.rows()) + "\nDATA " + data + '\n';
}

void write_compressed(std::ostream& out, const Table& table) {
  const std::string bytes = table.columns();
  const std::string packed = lzf_compress(bytes);
  const uint32_t sizes[2] = {static_cast<uint32_t>(packed.size()),
                             static_cast<uint32_t>(bytes.size())};
  out.write(reinterpret_cast<const char*>(sizes), sizeof(sizes));
  out.write(packed.data(), static_cast<std::streamsize>(packed.size()));
}

void write_pcd(std::ostream& out, const Cloud& cloud, Encoding encoding) {
  const bool ascii = encoding == Encoding::kAscii;
  const Table table(ascii ? ascii_fields(cloud.fields) : cloud.fields);
  switch (encoding) {
    case Encoding::kAscii:
      out << header_of(cloud, table, "ascii");
      return table.write_ascii(out);
    case Encoding::kBinary:
      out << header_of(cloud, table, "binary");
      return table.write_binary(out);
    case Encoding::kCompressed:
      out << header_of(cloud, table, "binary_compressed");
      return write_compressed(out, table);
  }
}

bool is_pcd(std::string_view bytes) {
  return bytes.starts_with("# .PCD") || bytes.starts_with("VERSION .") ||
         bytes.starts_with("VERSION 0.");
}

}  // namespace

Format pcd_format() { return {{".pcd"}, is_pcd, read_pcd, write_pcd}; }

}  // namespace pointattn::io
