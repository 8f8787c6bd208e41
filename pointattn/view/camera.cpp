// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/camera.h"

#include "pointattn/core/files.h"
#include "pointattn/view/vectors.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr double kDegree = std::numbers::pi / 180;
constexpr double kMargin = 1.03;
constexpr double kAnyDistance = 1;  // where nothing has a size

Vec axis_of(int up) {
  Vec axis{};
  axis[static_cast<size_t>(up)] = 1;
  return axis;
}

/// Any direction at a right angle to `axis`.
Vec across(const Vec& axis) {
  return unit(cross(axis, std::abs(axis[1]) < 0.9 ? Vec{0, 1, 0} : Vec{0, 0, 1}), {1, 0, 0});
}

/// `v` turned about the unit vector `axis` (Rodrigues).
Vec turned(const Vec& v, const Vec& axis, double angle) {
  return std::cos(angle) * v + std::sin(angle) * cross(axis, v) +
         ((1 - std::cos(angle)) * dot(axis, v)) * axis;
}

/// The points of all panels, float32 [N,3].
at::Tensor all_points(const Scene& scene) {
  std::vector<at::Tensor> parts;
  for (const Panel& panel : scene.panels) parts.push_back(panel.xyz);
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

/// A rim about the up axis through the target that holds everything at every turn.
at::Tensor rim(const at::Tensor& points, const Vec& target, int up) {
  constexpr int kSteps = 24;
  const at::Tensor from = points - at::tensor({target[0], target[1], target[2]}, at::kFloat);
  const auto a = static_cast<size_t>((up + 1) % 3);
  const auto b = static_cast<size_t>((up + 2) % 3);
  const double radius =
      at::hypot(from.select(1, (up + 1) % 3), from.select(1, (up + 2) % 3)).max().item<double>();
  const auto [low, high] = points.select(1, up).aminmax();
  at::Tensor ring = at::empty({2 * kSteps, 3}, at::kFloat);
  float* out = ring.mutable_data_ptr<float>();
  for (const at::Tensor& height : {low, high}) {
    for (int step = 0; step < kSteps; ++step, out += 3) {
      const double angle = 2 * std::numbers::pi * step / kSteps;
      out[up] = height.item<float>();
      out[a] = static_cast<float>(target[a] + radius * std::cos(angle));
      out[b] = static_cast<float>(target[b] + radius * std::sin(angle));
    }
  }
  return ring;
}

/// Moves the eye along its line until every point with this radius is inside the picture, and the
/// target until what is seen is in the middle of it: only along `up` where it is given.
Camera framed(
    Camera camera, const at::Tensor& points, double radius, double aspect, const Vec* up) {
  constexpr int kRounds = 6;
  const Camera::Frame frame = camera.frame();
  const double vertical = std::tan(camera.fov / 2 * kDegree) / kMargin;
  const double horizontal = vertical * aspect;
  const auto along = [&](const Vec& axis) {
    return points.mv(at::tensor({axis[0], axis[1], axis[2]}, at::kFloat));
  };
  const at::Tensor across = along(frame.right);
  const at::Tensor upwards = along(frame.up);
  const at::Tensor toward = along(frame.back);
  double distance = kAnyDistance;
  for (int round = 0; round < kRounds && points.size(0) > 0; ++round) {
    const at::Tensor x = across - dot(frame.right, camera.target);
    const at::Tensor y = upwards - dot(frame.up, camera.target);
    const at::Tensor z = toward - dot(frame.back, camera.target);
    const at::Tensor needed =
        z + at::max((x.abs() + radius) / horizontal, (y.abs() + radius) / vertical);
    const double most = needed.max().item<double>();
    if (!(most > 0)) break;
    distance = most;
    if (round + 1 == kRounds) break;
    // The middle of the picture, as slopes seen from the eye.
    const at::Tensor ahead = distance - z;
    const auto [left, right] = (x / ahead).aminmax();
    const auto [low, high] = (y / ahead).aminmax();
    const double off_y = (low.item<double>() + high.item<double>()) / 2 * distance;
    if (up) {
      camera.target = camera.target + (off_y * dot(frame.up, *up)) * *up;
    } else {
      const double off_x = (left.item<double>() + right.item<double>()) / 2 * distance;
      camera.target = camera.target + off_x * frame.right + off_y * frame.up;
    }
  }
  camera.eye = camera.target + distance * frame.back;
  return camera;
}

}  // namespace

Camera::Frame Camera::frame() const {
  Frame frame;
  frame.back = unit(Vec(eye) - Vec(target), {0, 0, 1});
  frame.right = unit(cross(up, frame.back), across(frame.back));
  frame.up = cross(frame.back, frame.right);
  return frame;
}

Camera fit(const Scene& scene, double aspect, double azimuth, double elevation, bool all_around) {
  const Box box = bounds(scene);
  Camera camera;
  camera.up = axis_of(scene.up);
  camera.target = 0.5 * (Vec(box.low) + Vec(box.high));
  // The front is where z points; x where z is up.
  const Vec front = axis_of(scene.up == 2 ? 0 : 2);
  camera.eye = camera.target + kAnyDistance * front;
  at::Tensor points = all_points(scene);
  double radius = 0;
  for (const Panel& panel : scene.panels)
    if (!panel.triangles.defined()) radius = std::max(radius, panel.spacing);
  const Vec up = axis_of(scene.up);
  if (all_around && points.size(0) > 0) points = rim(points, camera.target, scene.up);
  return framed(
      orbit(camera, azimuth, elevation), points, radius, aspect, all_around ? &up : nullptr);
}

Camera orbit(const Camera& camera, double azimuth, double elevation) {
  const Vec axis = unit(camera.up, {0, 1, 0});
  const Vec from = Vec(camera.eye) - Vec(camera.target);
  const double distance = length(from) > 0 ? length(from) : kAnyDistance;
  Vec direction = unit(from, {0, 0, 1});
  const double now = std::asin(std::clamp(dot(direction, axis), -1.0, 1.0)) / kDegree;
  const double wanted = std::clamp(now + elevation, std::min(now, -89.0), std::max(now, 89.0));
  const Vec right = unit(cross(axis, direction), across(axis));
  direction = turned(direction, right, -(wanted - now) * kDegree);
  Camera moved = camera;
  moved.eye = Vec(camera.target) + distance * turned(direction, axis, azimuth * kDegree);
  return moved;
}

std::vector<Camera> ring(const Camera& camera, int64_t count) {
  std::vector<Camera> cameras;
  for (int64_t i = 0; i < count; ++i)
    cameras.push_back(orbit(camera, 360.0 * static_cast<double>(i) / static_cast<double>(count)));
  return cameras;
}

void save_view(const std::filesystem::path& path, const Camera& camera, const Scene& scene) {
  const Vec origin = scene.panels.at(0).origin;
  const nlohmann::ordered_json json = {{"eye", origin + Vec(camera.eye)},
                                       {"target", origin + Vec(camera.target)},
                                       {"up", camera.up},
                                       {"fov", camera.fov}};
  write_file(path, [&](std::ostream& out) { out << json.dump(2) << '\n'; });
}

Camera load_view(const std::filesystem::path& path, const Scene& scene) {
  const std::string text = read_file(path);
  const Vec origin = scene.panels.at(0).origin;
  Camera camera;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    camera.eye = json.at("eye").get<Vec>() - origin;
    camera.target = json.at("target").get<Vec>() - origin;
    camera.up = json.at("up").get<Vec>();
    camera.fov = json.at("fov").get<double>();
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK(
        false, path.string(), ": expected a saved view (eye, target, up, fov): ", error.what());
  }
  double sum = camera.fov;
  for (size_t axis = 0; axis < 3; ++axis)
    sum += camera.eye[axis] + camera.target[axis] + camera.up[axis];
  TORCH_CHECK(
      std::isfinite(sum) && camera.fov >= 1 && camera.fov <= 150 && length(camera.up) > 0 &&
          length(Vec(camera.eye) - Vec(camera.target)) > 0,
      path.string(),
      ": expected a view with finite numbers, fov from 1 to 150 and the eye off the target");
  return camera;
}

}  // namespace pointattn::view
