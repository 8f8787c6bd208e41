// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_balls.h"

#include <ATen/ATen.h>
#include <open3d/geometry/PointCloud.h>
#include <open3d/visualization/shader/ShaderWrapper.h>

#include <algorithm>

namespace pointattn::view {
namespace o3d = open3d::visualization;
namespace {

constexpr GLuint kPlace = 0, kColor = 1;
constexpr double kDisc = 2.5;  // radius in pixels below which a point is a disc

constexpr const char* kVertex = R"(#version 330
layout(location = 0) in vec3 place;
layout(location = 1) in vec3 color;
uniform mat4 clip_from_world;
uniform float focal;   // pixels
uniform float world;   // radius in the scene's units
uniform float pixels;  // least radius
out vec3 ball_color;
flat out float radius;
flat out float depth;
void main() {
  gl_Position = clip_from_world * vec4(place, 1.0);
  depth = gl_Position.w;
  radius = max(pixels, world * focal / depth);
  gl_PointSize = 2.0 * radius + 1.0;
  ball_color = color;
})";

// The light and its contrast are those of pictures, so that both show the same.
constexpr const char* kBall = R"(#version 330
in vec3 ball_color;
flat in float radius;
flat in float depth;
uniform float focal;
uniform vec2 depth_terms;  // of the projection: ndc z = x + y / depth
out vec4 seen;
void main() {
  vec2 at = (2.0 * gl_PointCoord - 1.0) * (radius + 0.5) / radius;
  float away = length(at);
  float cover = clamp((1.0 - away) * radius + 0.5, 0.0, 1.0);
  if (cover <= 0.0) discard;
  vec3 normal = vec3(at, sqrt(max(0.0, 1.0 - away * away)));
  float contrast = 0.36 * clamp((radius - 1.2) / 3.0, 0.0, 1.0);
  float light = 1.0 - contrast * (1.0 - max(0.0, dot(normal, vec3(-0.40, -0.50, 0.77))) / 0.97);
  seen = vec4(ball_color * min(light, 1.0), cover);
  float front = depth - normal.z * radius * depth / focal;
  gl_FragDepth = clamp(0.5 + 0.5 * (depth_terms.x + depth_terms.y / front), 0.0, 1.0);
})";

constexpr const char* kFlat = R"(#version 330
in vec3 ball_color;
out vec4 seen;
void main() { seen = vec4(ball_color, 1.0); })";

void upload(GLuint buffer, const at::Tensor& values) {
  const at::Tensor rows = values.contiguous();
  glBindBuffer(GL_ARRAY_BUFFER, buffer);
  glBufferData(GL_ARRAY_BUFFER,
               static_cast<GLsizeiptr>(rows.nbytes()),
               rows.const_data_ptr(),
               GL_STATIC_DRAW);
}

}  // namespace

/// What Open3D's wrapper asks for beside this is of no use here: the geometry is in the buffers.
class PointShader final : public o3d::glsl::ShaderWrapper {
 public:
  explicit PointShader(const char* fragment) : ShaderWrapper("points"), fragment_(fragment) {}
  ~PointShader() override { Release(); }

  /// Every `step`th point of `count`.
  void draw(GLuint points,
            GLuint colors,
            int64_t count,
            int64_t step,
            BallSize size,
            const CameraControl& control) {
    points_ = points;
    colors_ = colors;
    count_ = (count + step - 1) / step;
    step_ = static_cast<GLsizei>(step);
    size_ = size;
    Render(open3d::geometry::PointCloud(), o3d::RenderOption(), control);
  }

 protected:
  bool Compile() override { return CompileShaders(kVertex, nullptr, fragment_); }
  void Release() override { ReleaseProgram(); }
  bool BindGeometry(const open3d::geometry::Geometry&,
                    const o3d::RenderOption&,
                    const o3d::ViewControl&) override {
    bound_ = true;
    return true;
  }
  void UnbindGeometry() override { bound_ = false; }

  bool RenderGeometry(const open3d::geometry::Geometry&,
                      const o3d::RenderOption&,
                      const o3d::ViewControl& control) override {
    const auto place_of = [this](const char* name) { return glGetUniformLocation(program_, name); };
    const o3d::gl_util::GLMatrix4f projection = control.GetProjectionMatrix();
    const o3d::gl_util::GLMatrix4f clip_from_world = control.GetMVPMatrix();
    glUseProgram(program_);
    glUniformMatrix4fv(place_of("clip_from_world"), 1, GL_FALSE, clip_from_world.data());
    glUniform1f(place_of("focal"),
                0.5F * static_cast<float>(control.GetWindowHeight()) * projection(1, 1));
    glUniform1f(place_of("world"), static_cast<float>(size_.world));
    glUniform1f(place_of("pixels"), static_cast<float>(size_.pixels));
    glUniform2f(place_of("depth_terms"), -projection(2, 2), projection(2, 3));
    glEnable(GL_DEPTH_TEST);
    glEnable(GL_PROGRAM_POINT_SIZE);
    glEnable(GL_SAMPLE_ALPHA_TO_COVERAGE);
    glEnableVertexAttribArray(kPlace);
    glBindBuffer(GL_ARRAY_BUFFER, points_);
    glVertexAttribPointer(kPlace, 3, GL_FLOAT, GL_FALSE, 3 * 4 * step_, nullptr);
    glEnableVertexAttribArray(kColor);
    glBindBuffer(GL_ARRAY_BUFFER, colors_);
    glVertexAttribPointer(kColor, 3, GL_UNSIGNED_BYTE, GL_TRUE, 3 * step_, nullptr);
    glDrawArrays(GL_POINTS, 0, static_cast<GLsizei>(count_));
    glDisableVertexAttribArray(kPlace);
    glDisableVertexAttribArray(kColor);
    glDisable(GL_SAMPLE_ALPHA_TO_COVERAGE);
    glDisable(GL_PROGRAM_POINT_SIZE);
    return true;
  }

 private:
  const char* fragment_;
  GLuint points_ = 0;
  GLuint colors_ = 0;
  int64_t count_ = 0;
  GLsizei step_ = 1;
  BallSize size_;
};

BallCloud::BallCloud()
    : balls_(std::make_unique<PointShader>(kBall)), discs_(std::make_unique<PointShader>(kFlat)) {
  glGenBuffers(1, &points_);
  glGenBuffers(1, &colors_);
}

BallCloud::~BallCloud() {
  glDeleteBuffers(1, &points_);
  glDeleteBuffers(1, &colors_);
}

void BallCloud::set_points(const at::Tensor& xyz) {
  count_ = xyz.size(0);
  upload(points_, xyz);
}

void BallCloud::set_colors(const at::Tensor& rgb) { upload(colors_, rgb); }

void BallCloud::draw(const CameraControl& control, BallSize size, int64_t most) {
  if (count_ == 0) return;
  const double radius =
      std::max(size.pixels, size.world * control.pixels_per_unit(control.GetWindowHeight()));
  PointShader& shader = radius < kDisc ? *discs_ : *balls_;
  shader.draw(points_, colors_, count_, (count_ - 1) / most + 1, size, control);
}

}  // namespace pointattn::view
