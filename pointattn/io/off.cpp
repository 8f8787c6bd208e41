// SPDX-License-Identifier: Apache-2.0
// OFF meshes. The project reads its few mesh formats itself: assimp 5.2 aborts the process on some
// damaged OFF files, keeps neither order nor number of an OBJ's vertices (part labels go by them),
// and has positions in float32 only.
#include "pointattn/io/formats.h"
#include "pointattn/io/mesh_points.h"
#include "pointattn/io/polygons.h"
#include "pointattn/io/scalars.h"

namespace pointattn::io {
namespace {

/// Lines without comments and blank ones.
class OffLines {
 public:
  explicit OffLines(const Input& input) : input_(input), lines_(input.bytes()) {}
  LineNumbers next(const char* expected) {
    std::string_view line;
    while (lines_.next(line)) {
      line = trimmed(line.substr(0, line.find('#')));
      if (!line.empty()) return LineNumbers(text_ = line);
    }
    fail(expected, ", got the end of the file");
  }
  std::string_view text() const { return text_; }
  size_t position() const { return lines_.position(); }
  bool at_end() {
    std::string_view line;
    while (lines_.next(line)) {
      if (!trimmed(line.substr(0, line.find('#'))).empty()) return false;
    }
    return true;
  }
  template <class... What>
  [[noreturn]] void fail(const What&... expected) const {
    input_.fail_at(lines_.number(), "expected ", expected...);
  }

 private:
  const Input& input_;
  Lines lines_;
  std::string_view text_;
};

/// Behind the keyword, if only colours, normals or texture coordinates are announced: those are
/// passed over. Some files of ModelNet40 have the counts glued to the keyword ("OFF490 518 0").
std::string_view after_keyword(const OffLines& lines) {
  std::string_view text = lines.text();
  for (const std::string_view prefix : {"ST", "C", "N"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  if (!text.starts_with("OFF")) lines.fail("'OFF', got ", shown(lines.text()));
  text = trimmed(text.substr(3));
  if (text.starts_with("BINARY")) lines.fail("an OFF file in text, got a binary one");
  return text;
}

std::vector<std::array<double, 3>> read_vertices(OffLines& lines, int64_t count) {
  std::vector<std::array<double, 3>> vertices;
  vertices.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    LineNumbers numbers = lines.next("a vertex");
    auto& vertex = vertices.emplace_back();
    for (double& value : vertex) {
      if (!numbers.read(value)) lines.fail("three numbers of a vertex, got ", numbers.here());
    }
  }
  return vertices;
}

void read_face(OffLines& lines, int64_t vertices, std::vector<int64_t>& corners) {
  LineNumbers numbers = lines.next("a face");
  int64_t count = 0;
  if (!numbers.read(count) || count < 0) lines.fail("the number of corners, got ", numbers.here());
  corners.clear();
  for (int64_t i = 0; i < count; ++i) {
    int64_t corner = 0;
    if (!numbers.read(corner)) lines.fail(count, " corners, got ", numbers.here());
    if (corner < 0 || corner >= vertices) {
      lines.fail("a vertex from 0 to ", vertices - 1, ", got ", corner);
    }
    corners.push_back(corner);
  }
}

Cloud read_off(const Input& input) {
  OffLines lines(input);
  lines.next("'OFF'");
  const std::string_view same_line = after_keyword(lines);
  LineNumbers counts = same_line.empty() ? lines.next("the counts") : LineNumbers(same_line);
  int64_t vertices = 0, faces = 0;
  if (!counts.read(vertices) || !counts.read(faces) || vertices < 0 || faces < 0) {
    lines.fail("the numbers of vertices and faces, got ", shown(lines.text()));
  }
  constexpr int64_t kShortestVertex = 6;
  constexpr int64_t kShortestFace = 2;
  const size_t room_from = lines.position() - 1;  // the last line needs no end
  input.check_room("vertices", vertices, kShortestVertex, room_from);
  input.check_room("faces", faces, kShortestFace, room_from);
  Cloud cloud;
  set_triples(cloud, {"x", "y", "z"}, read_vertices(lines, vertices));
  Polygons polygons;
  std::vector<int64_t> corners;
  for (int64_t i = 0; i < faces; ++i) {
    read_face(lines, vertices, corners);
    polygons.add(corners);
  }
  if (!lines.at_end()) lines.fail("the end of the file after ", faces, " faces");
  cloud.triangles = polygons.triangles();
  return cloud;
}

bool is_off(std::string_view bytes) {
  return bytes.starts_with("OFF") || bytes.starts_with("COFF") || bytes.starts_with("NOFF");
}

}  // namespace

Format off_format() { return {{".off"}, is_off, read_off, nullptr}; }

}  // namespace pointattn::io
