// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_pane.h"

#include "pointattn/view/canvas.h"
#include "pointattn/view/legend.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>

namespace pointattn::view {
namespace o3d = open3d::visualization;
namespace {

constexpr int kMargin = 16;
constexpr int kCaption = 26;       // height of the line about the picked point
constexpr double kMarkRadius = 4;  // pixels

std::vector<Eigen::Vector3d> points_of(const at::Tensor& xyz) {
  const at::Tensor rows = xyz.contiguous();
  const float* from = rows.const_data_ptr<float>();
  std::vector<Eigen::Vector3d> points(static_cast<size_t>(rows.size(0)));
  for (size_t i = 0; i < points.size(); ++i, from += 3) points[i] = {from[0], from[1], from[2]};
  return points;
}

std::vector<Eigen::Vector3d> colors_of(const at::Tensor& rgb) {
  const at::Tensor rows = rgb.contiguous();
  const uint8_t* from = rows.const_data_ptr<uint8_t>();
  std::vector<Eigen::Vector3d> colors(static_cast<size_t>(rows.size(0)));
  for (Eigen::Vector3d& color : colors) {
    color = Eigen::Vector3d(from[0], from[1], from[2]) / 255.0;
    from += 3;
  }
  return colors;
}

std::vector<Eigen::Vector3i> triangles_of(const at::Tensor& triangles) {
  const at::Tensor rows = triangles.contiguous();
  const int64_t* from = rows.const_data_ptr<int64_t>();
  std::vector<Eigen::Vector3i> corners(static_cast<size_t>(rows.size(0)));
  for (Eigen::Vector3i& corner : corners) {
    corner = {static_cast<int>(from[0]), static_cast<int>(from[1]), static_cast<int>(from[2])};
    from += 3;
  }
  return corners;
}

/// One light from the left, above and behind the eye, and enough of it from everywhere: a face that
/// looks at the light has its own colour.
o3d::RenderOption mesh_look() {
  o3d::RenderOption option;
  option.mesh_show_back_face_ = true;
  option.light_ambient_color_ = Eigen::Vector3d::Constant(0.5);
  option.light_position_relative_[0] = {-4, 5, 8};
  for (int light = 0; light < 4; ++light) {
    option.light_diffuse_power_[light] = light == 0 ? 0.5 : 0;
    option.light_specular_power_[light] = 0;
  }
  return option;
}

/// An image of words, or none where this build or machine cannot draw them: the cloud is shown all
/// the same. Says so once.
at::Tensor words(const std::function<at::Tensor()>& draw) {
  try {
    return draw();
  } catch (const c10::Error& error) {
    static bool told = false;
    if (!told) std::cerr << "note: no legends: " << error.what_without_backtrace() << std::endl;
    told = true;
    return {};
  }
}

at::Tensor line(const std::string& text, const TextStyle& style) {
  if (text.empty()) return {};
  return words([&] {
    const double height = 1.7 * style.size;
    Canvas canvas(std::lround(height), std::lround(text_width(text, style)) + 2);
    canvas.text(1, 0.5 * height + 0.36 * style.size, text, style);
    return canvas.image();
  });
}

}  // namespace

Pane::Pane(const Panel& panel, const std::string& title) : panel_(panel) {
  if (panel.triangles.defined() && panel.triangles.size(0) > 0) {
    mesh_ = std::make_shared<open3d::geometry::TriangleMesh>(points_of(panel.xyz),
                                                             triangles_of(panel.triangles));
    mesh_->ComputeVertexNormals();
    mesh_renderer_.AddGeometry(mesh_);
  } else {
    points_.set_points(panel.xyz);
  }
  title_.set(line(title, {.size = 18, .bold = true}));
  if (panel.points() == 0) caption_.set(line("no points", {}));
}

void Pane::color_by(const std::string& coloring) {
  coloring_ = &panel_.coloring(coloring);
  if (mesh_) {
    mesh_->vertex_colors_ = colors_of(coloring_->rgb);
    mesh_renderer_.UpdateGeometry();
  } else {
    points_.set_colors(coloring_->rgb);
  }
  legend_width_ = 0;
}

void Pane::mark(std::optional<int64_t> point) {
  marked_ = point.has_value();
  caption_.set(point ? line(facts_line(panel_, *point), {}) : at::Tensor());
  if (point) mark_.set_points(panel_.xyz.narrow(0, *point, 1));
}

void Pane::show_legend(bool shown) { legend_shown_ = shown; }

int Pane::above() const { return title_.height() > 0 ? kMargin + title_.height() : 0; }

int Pane::below() const { return kMargin + kCaption + (legend_shown_ ? legend_.height() : 0); }

/// Beside one another in rows, which leaves the cloud the most room; at most a third of the pane.
void Pane::fit_legend(const Area& area) {
  if (area.width == legend_width_ || !coloring_) return;
  LegendOptions options;
  options.width = std::max(area.width - 2 * kMargin, 1);
  options.height = std::max(area.height / 3, 1);
  options.in_rows = true;
  legend_.set(words([&] { return draw_legend(coloring_->legend, options); }));
  legend_width_ = area.width;
}

void Pane::draw(
    const Area& area, const Area& inner, CameraControl& control, BallSize size, int64_t most) {
  control.look_through(inner);
  glEnable(GL_SCISSOR_TEST);
  glScissor(inner.left, inner.bottom, inner.width, inner.height);
  if (mesh_) {
    mesh_renderer_.Render(mesh_look(), control);
  } else {
    glDepthFunc(GL_LESS);
    points_.draw(control, size, most);
  }
  if (marked_) {
    // A black ring about a white point, in front of everything.
    const double world = mesh_ ? 0 : size.world;
    glDepthFunc(GL_ALWAYS);
    mark_.set_colors(at::zeros({1, 3}, at::kByte));
    mark_.draw(control, {kMarkRadius + 3, 1.5 * world});
    mark_.set_colors(at::full({1, 3}, 255, at::kByte));
    mark_.draw(control, {kMarkRadius, world});
    glDepthFunc(GL_LESS);
  }
  glDisable(GL_SCISSOR_TEST);
  const int left = area.left + kMargin;
  title_.draw(left, area.bottom + area.height - kMargin - title_.height(), control);
  if (legend_shown_) legend_.draw(left, area.bottom + kMargin, control);
  caption_.draw(left, inner.bottom - kCaption, control);
}

}  // namespace pointattn::view
