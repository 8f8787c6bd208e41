// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_balls.h"

#include <ATen/ATen.h>
#include <open3d/geometry/PointCloud.h>

#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace o3d = open3d::visualization;
namespace {

constexpr GLuint kPlace = 0, kColor = 1;

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
constexpr const char* kFragment = R"(#version 330
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

void upload(GLuint buffer, const at::Tensor& values) {
  const at::Tensor rows = values.contiguous();
  glBindBuffer(GL_ARRAY_BUFFER, buffer);
  glBufferData(GL_ARRAY_BUFFER,
               static_cast<GLsizeiptr>(rows.nbytes()),
               rows.const_data_ptr(),
               GL_STATIC_DRAW);
}

}  // namespace

Balls::Balls() : ShaderWrapper("pointattn balls") {
  glGenBuffers(1, &points_);
  glGenBuffers(1, &colors_);
}

void Balls::set_points(const at::Tensor& xyz) {
  count_ = xyz.size(0);
  upload(points_, xyz);
}

void Balls::set_colors(const at::Tensor& rgb) { upload(colors_, rgb); }

void Balls::draw(const o3d::ViewControl& control, BallSize size, bool always) {
  if (count_ == 0) return;
  size_ = size;
  always_ = always;
  // What is drawn is in the buffers; the wrapper asks for a geometry all the same.
  Render(open3d::geometry::PointCloud(), o3d::RenderOption(), control);
}

bool Balls::Compile() { return CompileShaders(kVertex, nullptr, kFragment); }

bool Balls::BindGeometry(const open3d::geometry::Geometry&,
                         const o3d::RenderOption&,
                         const o3d::ViewControl&) {
  bound_ = true;
  return true;
}

bool Balls::RenderGeometry(const open3d::geometry::Geometry&,
                           const o3d::RenderOption&,
                           const o3d::ViewControl& control) {
  const auto place_of = [this](const char* name) { return glGetUniformLocation(program_, name); };
  const double angle = control.GetFieldOfView() / 2 * std::numbers::pi / 180;
  const o3d::gl_util::GLMatrix4f projection = control.GetProjectionMatrix();
  const o3d::gl_util::GLMatrix4f clip_from_world = control.GetMVPMatrix();
  glUseProgram(program_);
  glUniformMatrix4fv(place_of("clip_from_world"), 1, GL_FALSE, clip_from_world.data());
  glUniform1f(place_of("focal"),
              static_cast<float>(control.GetWindowHeight() / 2.0 / std::tan(angle)));
  glUniform1f(place_of("world"), static_cast<float>(size_.world));
  glUniform1f(place_of("pixels"), static_cast<float>(size_.pixels));
  glUniform2f(place_of("depth_terms"), -projection(2, 2), projection(2, 3));
  glEnable(GL_DEPTH_TEST);
  glDepthFunc(always_ ? GL_ALWAYS : GL_LESS);
  glEnable(GL_PROGRAM_POINT_SIZE);
  glEnable(GL_SAMPLE_ALPHA_TO_COVERAGE);
  glEnableVertexAttribArray(kPlace);
  glBindBuffer(GL_ARRAY_BUFFER, points_);
  glVertexAttribPointer(kPlace, 3, GL_FLOAT, GL_FALSE, 0, nullptr);
  glEnableVertexAttribArray(kColor);
  glBindBuffer(GL_ARRAY_BUFFER, colors_);
  glVertexAttribPointer(kColor, 3, GL_UNSIGNED_BYTE, GL_TRUE, 0, nullptr);
  glDrawArrays(GL_POINTS, 0, static_cast<GLsizei>(count_));
  glDisableVertexAttribArray(kPlace);
  glDisableVertexAttribArray(kColor);
  glDisable(GL_SAMPLE_ALPHA_TO_COVERAGE);
  glDisable(GL_PROGRAM_POINT_SIZE);
  return true;
}

void Balls::UnbindGeometry() { bound_ = false; }

void Balls::Release() {
  glDeleteBuffers(1, &points_);
  glDeleteBuffers(1, &colors_);
  ReleaseProgram();
}

}  // namespace pointattn::view
