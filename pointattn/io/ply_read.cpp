// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/ply_read.h"

#include "pointattn/io/ply_body.h"
#include "pointattn/io/polygons.h"

namespace pointattn::io {
namespace {

/// A value of any integer type; `property` and the row are for the message.
template <class Body>
int64_t read_integer(Body& body, at::ScalarType type, const PlyProperty& property) {
  char bytes[8];
  body.read(type, property, bytes);
  return with_type(type, [&](auto tag) {
    typename decltype(tag)::type value;
    std::memcpy(&value, bytes, sizeof(value));
    return static_cast<int64_t>(value);
  });
}

template <class Body>
int64_t read_length(Body& body, const PlyProperty& property) {
  const int64_t length = read_integer(body, *property.length, property);
  if (length < 0) body.fail("a list length from 0 on for ", shown(property.name), ", got ", length);
  body.check_list(length, property.type, property);
  return length;
}

template <class Body>
void skip(Body& body, const PlyProperty& property) {
  char unused[8];
  const int64_t values = property.length ? read_length(body, property) : 1;
  for (int64_t i = 0; i < values; ++i) body.read(property.type, property, unused);
}

template <class Body>
void read_vertices(Body& body, const PlyElement& element, Cloud& cloud) {
  std::vector<char*> targets;
  for (const PlyProperty& property : element.properties) {
    targets.push_back(nullptr);
    if (property.length) continue;
    cloud.fields.push_back(make_field(property.name, property.type, 1, element.count));
    targets.back() = static_cast<char*>(cloud.fields.back().values.data_ptr());
  }
  for (int64_t row = 0; row < element.count; ++row) {
    body.start_row(element);
    for (size_t i = 0; i < targets.size(); ++i) {
      const PlyProperty& property = element.properties[i];
      if (property.length) {
        skip(body, property);
      } else {
        body.read(property.type, property, targets[i]);
        targets[i] += c10::elementSize(property.type);
      }
    }
    body.end_row();
  }
}

bool is_corners(const PlyProperty& property) {
  const bool named = property.name == "vertex_indices" || property.name == "vertex_index";
  return named && property.length && !at::isFloatingType(property.type);
}

template <class Body>
void read_faces(Body& body, const PlyElement& element, int64_t vertices, Polygons& polygons) {
  std::vector<int64_t> corners;
  for (int64_t row = 0; row < element.count; ++row) {
    body.start_row(element);
    for (const PlyProperty& property : element.properties) {
      if (!is_corners(property)) {
        skip(body, property);
        continue;
      }
      corners.clear();
      for (int64_t left = read_length(body, property); left > 0; --left) {
        const int64_t corner = read_integer(body, property.type, property);
        if (corner < 0 || corner >= vertices) {
          body.fail("a vertex from 0 to ", vertices - 1, " in face ", row, ", got ", corner);
        }
        corners.push_back(corner);
      }
      polygons.add(corners);
    }
    body.end_row();
  }
}

template <class Body>
void skip_element(Body& body, const PlyElement& element) {
  if (element.properties.empty()) return;
  for (int64_t row = 0; row < element.count; ++row) {
    body.start_row(element);
    for (const PlyProperty& property : element.properties) skip(body, property);
    body.end_row();
  }
}

bool has_corners(const PlyElement& element) {
  for (const PlyProperty& property : element.properties) {
    if (is_corners(property)) return true;
  }
  return false;
}

template <class Body>
void read_elements(Body body, const PlyHeader& header, Cloud& cloud) {
  for (const PlyElement& element : header.elements) {
    if (element.name == "vertex") {
      read_vertices(body, element, cloud);
    } else if (element.name == "face" && element.count > 0 && has_corners(element)) {
      Polygons polygons;
      read_faces(body, element, header.vertices, polygons);
      cloud.triangles = polygons.triangles();
    } else {
      skip_element(body, element);
    }
  }
}

}  // namespace

Cloud read_ply(const Input& input) {
  PlyHeader header = read_ply_header(input);
  Cloud cloud;
  cloud.comments = std::move(header.comments);
  if (header.data == PlyData::kAscii) {
    read_elements(PlyAsciiBody(input, header), header, cloud);
  } else {
    read_elements(PlyBinaryBody(input, header), header, cloud);
  }
  return cloud;
}

}  // namespace pointattn::io
