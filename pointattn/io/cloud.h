// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pointattn::io {

/// One channel of a cloud as its file has it: N × count values of one type. `values` is [N] (count
/// 1) or [N,count], in the file's own precision: uint8, int8, int16, uint16, int32, uint32, int64,
/// uint64, float32 or float64. PCD's packed `rgb`/`rgba` stay packed.
struct Field {
  std::string name;
  at::Tensor values;
};

/// A point cloud with everything that its file says. Fields keep their order and type, points their
/// order. "x", "y", "z" are fields too.
struct Cloud {
  std::vector<Field> fields;
  std::vector<std::string> comments;  ///< PLY comments or PCD comment lines, without the keyword
  int64_t width = 0;                  ///< PCD organised clouds: columns; 0 when unknown
  int64_t height = 0;                 ///< rows of an organised cloud
  std::vector<double> viewpoint;      ///< PCD viewpoint (7 numbers), empty when there is none
  /// int64 [T,3] rows of the points, when the file is a mesh; else undefined.
  at::Tensor triangles;

  int64_t points() const;
  /// Field by name, or nullptr.
  const Field* find(const std::string& name) const;
  /// Adds a field, or replaces the one of the same name in its place. Throws c10::ValueError when
  /// the length differs.
  void set(const std::string& name, at::Tensor values);
  /// Coordinates [N,3] as float64 (files with UTM coordinates need it). Non-finite values are kept.
  at::Tensor xyz() const;
  /// Colours uint8 [N,3] from red/green/blue, r/g/b or PCD's packed rgb(a); undefined when the
  /// cloud has none.
  at::Tensor colors() const;
};

/// Reads a cloud or mesh. The format follows from the content where it can be told, else from the
/// extension:
///   .pcd                         ascii, binary, binary_compressed
///   .ply                         ascii, binary little and big endian; clouds and meshes
///   .xyz .txt .pts .asc .csv     numbers a line (blank, comma or semicolon between them)
///   .off .obj .stl               meshes
/// Columns of text: 3 are x y z; 4 a scalar as well; 6 normals or r g b; 7 both, told by their
/// values. `#` and a header line of names are understood; .pts may start with a count.
/// A mesh comes with `triangles` (polygons fanned). Throws c10::Error with path and line or byte: a
/// missing, empty, truncated or lying file, an unknown format (naming the known ones). Never
/// allocates more than the file's size justifies.
Cloud read_cloud(const std::filesystem::path& path);

/// Whether read_cloud() takes this extension.
bool is_cloud_file(const std::filesystem::path& path);

/// Points drawn from a mesh, area-weighted and uniform on each triangle (Osada et al. 2002),
/// deterministic by seed. Result fields: x y z (float32) and nx ny nz of the triangle. Throws
/// c10::ValueError when the mesh has no area.
Cloud sample_mesh(const Cloud& mesh, int64_t points, uint64_t seed);

enum class Encoding { kAscii, kBinary, kCompressed };

/// Writes every field to .ply (ascii, binary) or .pcd (all three), whole or not at all. PLY keeps
/// comments and triangles; int64/uint64 fields, which PLY lacks, become int32 when they fit and
/// else throw. PCD keeps width, height and viewpoint.
void write_cloud(const std::filesystem::path& path,
                 const Cloud& cloud,
                 Encoding encoding = Encoding::kBinary);

}  // namespace pointattn::io
