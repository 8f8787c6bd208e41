// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_pane.h"

#include "pointattn/view/canvas.h"
#include "pointattn/view/legend.h"

#include <ATen/ATen.h>

#include <cmath>

namespace pointattn::view {
namespace o3d = open3d::visualization;
namespace {

constexpr int kMargin = 16;

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

at::Tensor text_image(const std::string& text, const TextStyle& style) {
  if (text.empty()) return {};
  const double height = 1.7 * style.size;
  Canvas canvas(std::lround(height), std::lround(text_width(text, style)) + 2);
  canvas.text(1, 0.5 * height + 0.36 * style.size, text, style);
  return canvas.image();
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
  title_.set(text_image(title, {.size = 18, .bold = true}));
  if (panel.points() == 0) caption_.set(text_image("no points", {}));
}

void Pane::color_by(const std::string& coloring) {
  coloring_ = &panel_.coloring(coloring);
  if (mesh_) {
    mesh_->vertex_colors_ = colors_of(coloring_->rgb);
    mesh_renderer_.UpdateGeometry();
  } else {
    points_.set_colors(coloring_->rgb);
  }
  legend_room_ = 0;
}

void Pane::mark(std::optional<int64_t> point) {
  marked_ = point.has_value();
  caption_.set(point ? text_image(facts_line(panel_, *point), {}) : at::Tensor());
  if (point) mark_.set_points(panel_.xyz.narrow(0, *point, 1));
}

void Pane::draw(const Area& area, CameraControl& control, BallSize size, bool legend) {
  control.look_through(area);
  if (mesh_) {
    o3d::RenderOption option;
    option.mesh_show_back_face_ = true;
    mesh_renderer_.Render(option, control);
  } else {
    points_.draw(control, size);
  }
  if (marked_) {
    // A black ring about a white point, in front of everything.
    mark_.set_colors(at::zeros({1, 3}, at::kByte));
    mark_.draw(control, {size.pixels + 5, size.world * 1.5}, true);
    mark_.set_colors(at::full({1, 3}, 255, at::kByte));
    mark_.draw(control, {size.pixels + 2, size.world}, true);
  }
  draw_texts(area, control, legend);
}

void Pane::draw_texts(const Area& area, const CameraControl& control, bool legend) {
  const int left = area.left + kMargin;
  int top = area.bottom + area.height - kMargin;
  top -= title_.height();
  title_.draw(left, top, control);
  if (title_.height() > 0) top -= kMargin / 2;
  const int room = top - area.bottom - kMargin - caption_.height() - kMargin;
  if (legend && coloring_ && room > 0) {
    if (room != legend_room_) {
      LegendOptions options;
      options.height = room;
      legend_.set(draw_legend(coloring_->legend, options));
      legend_room_ = room;
    }
    legend_.draw(left, top - legend_.height(), control);
  }
  caption_.draw(left, area.bottom + kMargin, control);
}

}  // namespace pointattn::view
