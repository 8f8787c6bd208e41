// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_camera.h"

#include "pointattn/view/vectors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr double kDegreesPerPixel = 0.35;
constexpr double kZoomPerStep = 1.15;

double distance(const Camera& camera) { return length(Vec(camera.eye) - Vec(camera.target)); }
Eigen::Vector3d eigen(const Vec& v) { return {v[0], v[1], v[2]}; }

}  // namespace

double CameraControl::pixels_per_unit(int height) const {
  return height / (2 * distance(camera_) * std::tan(camera_.fov / 2 * std::numbers::pi / 180));
}

void CameraControl::look_through(const Area& area) {
  namespace gl_util = open3d::visualization::gl_util;
  glViewport(area.left, area.bottom, area.width, area.height);
  window_width_ = area.width;
  window_height_ = area.height;
  aspect_ = static_cast<double>(area.width) / area.height;
  field_of_view_ = camera_.fov;
  distance_ = distance(camera_);
  const Camera::Frame frame = camera_.frame();
  eye_ = eigen(camera_.eye);
  lookat_ = eigen(camera_.target);
  right_ = eigen(frame.right);
  up_ = eigen(frame.up);
  front_ = eigen(frame.back);
  bounding_box_ = {eigen(box_.low), eigen(box_.high)};
  // The planes hold the whole scene, and the near one keeps a thousandth of the far one's distance:
  // less would cost the depth buffer its precision.
  const Vec middle = 0.5 * (Vec(box_.low) + Vec(box_.high));
  const double radius = 0.55 * box_.diagonal() + 1e-6 * distance_;
  const double depth = dot(Vec(camera_.eye) - middle, frame.back);
  z_far_ = std::max(depth + radius, distance_);
  z_near_ = std::max(depth - radius, 1e-3 * z_far_);
  projection_matrix_ = gl_util::Perspective(field_of_view_, aspect_, z_near_, z_far_);
  view_matrix_ = gl_util::LookAt(eye_, lookat_, up_);
  model_matrix_.setIdentity();
  MVP_matrix_ = projection_matrix_ * view_matrix_;
}

void CameraControl::ChangeWindowSize(int width, int height) {
  window_width_ = width;
  window_height_ = height;
}

void CameraControl::Scale(double steps) {
  const double smallest = 1e-3 * distance(start_);
  const double wanted = std::max(distance(camera_) * std::pow(kZoomPerStep, -steps), smallest);
  camera_.eye = Vec(camera_.target) + wanted * camera_.frame().back;
}

void CameraControl::Rotate(double x, double y, double, double) {
  camera_ = orbit(camera_, -kDegreesPerPixel * x, kDegreesPerPixel * y);
}

void CameraControl::Translate(double x, double y, double, double) {
  const Camera::Frame frame = camera_.frame();
  const double unit = 1 / pixels_per_unit(std::max(window_height_, 1));
  const Vec shift = (-x * unit) * frame.right + (y * unit) * frame.up;
  camera_.eye = Vec(camera_.eye) + shift;
  camera_.target = Vec(camera_.target) + shift;
}

}  // namespace pointattn::view
