// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/formats.h"
#include "pointattn/io/ply_read.h"
#include "pointattn/io/scalars.h"
#include "pointattn/io/table.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <cstring>
#include <limits>

namespace pointattn::io {
namespace {

std::string_view type_name(at::ScalarType type) {
  switch (type) {
    case at::kChar:
      return "char";
    case at::kByte:
      return "uchar";
    case at::kShort:
      return "short";
    case at::kUInt16:
      return "ushort";
    case at::kInt:
      return "int";
    case at::kUInt32:
      return "uint";
    case at::kFloat:
      return "float";
    default:
      return "double";
  }
}

/// PLY has no 64-bit integers.
at::Tensor narrowed(const Field& field) {
  const at::Tensor values = field.values.detach().cpu().contiguous();
  at::Tensor narrow = at::empty(values.sizes(), at::TensorOptions(at::kInt));
  int32_t* to = narrow.mutable_data_ptr<int32_t>();
  with_type(values.scalar_type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = static_cast<const T*>(values.const_data_ptr());
    for (int64_t i = 0; i < values.numel(); ++i) {
      to[i] = static_cast<int32_t>(from[i]);
      TORCH_CHECK_VALUE(
          static_cast<T>(to[i]) == from[i] && (to[i] < 0) == (from[i] < 0),
          "write_cloud: PLY has no 64-bit integers: expected 32-bit values of field '",
          field.name,
          "', got ",
          from[i]);
    }
  });
  return narrow;
}

/// PLY knows one value a property: a field of several becomes name_0, name_1, ….
std::vector<Field> ply_fields(const Cloud& cloud) {
  std::vector<Field> fields;
  for (Field field : cloud.fields) {
    TORCH_CHECK_VALUE(
        field.values.defined(), "write_cloud: field '", field.name, "' has no values");
    const at::ScalarType type = field.values.scalar_type();
    if (type == at::kLong || type == at::kUInt64) field.values = narrowed(field);
    if (field.values.dim() != 2 || field.values.size(1) == 1) {
      if (field.values.dim() == 2) field.values = field.values.squeeze(1);
      fields.push_back(std::move(field));
      continue;
    }
    for (int64_t i = 0; i < field.values.size(1); ++i) {
      fields.push_back({field.name + '_' + std::to_string(i), field.values.select(1, i)});
    }
  }
  return fields;
}

at::Tensor checked_triangles(const Cloud& cloud) {
  if (!cloud.triangles.defined()) return at::empty({0, 3}, at::TensorOptions(at::kInt));
  const at::Tensor& triangles = cloud.triangles;
  TORCH_CHECK_VALUE(triangles.dim() == 2 && triangles.size(1) == 3,
                    "write_cloud: expected triangles [T,3], got ",
                    triangles.sizes());
  if (triangles.numel() > 0) {
    const auto least = triangles.min().item<int64_t>(), most = triangles.max().item<int64_t>();
    const int64_t limit = std::min<int64_t>(cloud.points(), std::numeric_limits<int32_t>::max());
    TORCH_CHECK_VALUE(least >= 0 && most < limit,
                      "write_cloud: expected triangles of rows 0 to ",
                      limit - 1,
                      ", got ",
                      least < 0 ? least : most);
  }
  return triangles.to(at::kCPU, at::kInt).contiguous();
}

std::string header_of(const Cloud& cloud, const Table& table, bool ascii, int64_t triangles) {
  std::string text = "ply\nformat ";
  text += ascii ? "ascii" : "binary_little_endian";
  text += " 1.0\n";
  for (const std::string& comment : cloud.comments) {
    for (const std::string_view line : words_of(comment, "\r\n")) {
      text += "comment " + std::string(line) + '\n';
    }
  }
  text += "element vertex " + std::to_string(table.rows()) + '\n';
  for (const Field& field : table.fields()) {
    text +=
        "property " + std::string(type_name(field.values.scalar_type())) + ' ' + field.name + '\n';
  }
  if (cloud.triangles.defined()) {
    text +=
        "element face " + std::to_string(triangles) + "\nproperty list uchar int vertex_indices\n";
  }
  return text + "end_header\n";
}

void write_faces(std::ostream& out, const at::Tensor& triangles, bool ascii) {
  const int32_t* corners = triangles.const_data_ptr<int32_t>();
  std::string bytes;
  for (int64_t i = 0; i < triangles.size(0); ++i, corners += 3) {
    if (ascii) {
      bytes += '3';
      for (int k = 0; k < 3; ++k) append_number(bytes += ' ', corners[k]);
      bytes += '\n';
    } else {
      bytes += '\3';
      bytes.append(reinterpret_cast<const char*>(corners), 3 * sizeof(*corners));
    }
  }
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void write_ply(std::ostream& out, const Cloud& cloud, Encoding encoding) {
  TORCH_CHECK_VALUE(encoding != Encoding::kCompressed,
                    "write_cloud: PLY has no compressed encoding: expected ascii or binary");
  const bool ascii = encoding == Encoding::kAscii;
  const Table table(ply_fields(cloud));
  const at::Tensor triangles = checked_triangles(cloud);
  out << header_of(cloud, table, ascii, triangles.size(0));
  if (ascii) {
    table.write_ascii(out);
  } else {
    table.write_binary(out);
  }
  write_faces(out, triangles, ascii);
}

bool is_ply(std::string_view bytes) {
  return bytes.starts_with("ply\n") || bytes.starts_with("ply\r");
}

}  // namespace

Format ply_format() { return {{".ply"}, is_ply, read_ply, write_ply}; }

}  // namespace pointattn::io
