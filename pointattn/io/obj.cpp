// SPDX-License-Identifier: Apache-2.0
// Wavefront OBJ: vertices, with colours behind the coordinates where a program wrote them, and
// faces. Vertices keep their order.
#include "pointattn/io/formats.h"
#include "pointattn/io/mesh_points.h"
#include "pointattn/io/polygons.h"
#include "pointattn/io/scalars.h"

#include <charconv>

namespace pointattn::io {
namespace {

class ObjReader {
 public:
  explicit ObjReader(const Input& input) : input_(input), lines_(input.bytes()) {}

  Cloud read() {
    std::string_view line;
    while (lines_.next(line)) {
      line = trimmed(line.substr(0, line.find('#')));
      if (starts(line, 'v')) take_vertex(line.substr(1));
      if (starts(line, 'f')) take_face(line.substr(1));
    }
    if (positions_.empty()) input_.fail("expected an OBJ mesh, got no vertex");
    const auto vertices = static_cast<int64_t>(positions_.size());
    // A face may stand before the vertices that it names.
    if (largest_ >= vertices) {
      input_.fail_at(largest_line_, "expected a vertex up to ", vertices, ", got ", largest_ + 1);
    }
    Cloud cloud;
    set_triples(cloud, {"x", "y", "z"}, positions_);
    if (colours_.size() == positions_.size())
      set_triples(cloud, {"red", "green", "blue"}, colours_);
    cloud.triangles = polygons_.triangles();
    return cloud;
  }

 private:
  static bool starts(std::string_view line, char keyword) {
    return line.size() > 1 && line[0] == keyword && (line[1] == ' ' || line[1] == '\t');
  }

  void take_vertex(std::string_view rest) {
    LineNumbers numbers(rest);
    std::array<double, 3> position{}, colour{};
    for (double& value : position) {
      if (!numbers.read(value)) fail("three numbers of a vertex, got ", numbers.here());
    }
    positions_.push_back(position);
    if (numbers.done()) return;
    int more = 0;
    for (double value = 0; more < 3 && numbers.read(value); ++more) colour[more] = value;
    if (!numbers.done()) fail("3, 4 or 6 numbers of a vertex, got ", numbers.here());
    if (more == 3) colours_.push_back(colour);
  }

  void take_face(std::string_view rest) {
    corners_.clear();
    for (const std::string_view word : words_of(rest)) corners_.push_back(corner_of(word));
    polygons_.add(corners_);
  }

  /// "7", "7/1", "7//3", "7/1/3", or counted back from the last vertex: "-1".
  int64_t corner_of(std::string_view word) {
    const std::string_view index = word.substr(0, word.find('/'));
    int64_t corner = 0;
    if (!whole_number(index, corner) || corner == 0) fail("vertices of a face, got ", shown(word));
    const auto so_far = static_cast<int64_t>(positions_.size());
    if (corner < -so_far) fail("a vertex from -", so_far, " on, got ", corner);
    corner = corner < 0 ? so_far + corner : corner - 1;
    if (corner > largest_) {
      largest_ = corner;
      largest_line_ = lines_.number();
    }
    return corner;
  }

  template <class... What>
  [[noreturn]] void fail(const What&... expected) const {
    input_.fail_at(lines_.number(), "expected ", expected...);
  }

  const Input& input_;
  Lines lines_;
  std::vector<std::array<double, 3>> positions_;
  std::vector<std::array<double, 3>> colours_;
  std::vector<int64_t> corners_;
  Polygons polygons_;
  int64_t largest_ = -1;
  int64_t largest_line_ = 0;
};

Cloud read_obj(const Input& input) { return ObjReader(input).read(); }

}  // namespace

Format obj_format() { return {{".obj"}, nullptr, read_obj, nullptr}; }

}  // namespace pointattn::io
