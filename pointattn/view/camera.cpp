// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/camera.h"

#include "pointattn/core/files.h"
#include "pointattn/view/vectors.h"

#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr double kDegree = std::numbers::pi / 180;
constexpr double kMargin = 1.04;
constexpr double kSmallest = 1e-6;  // a single point still has a camera at a distance

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

/// Moves the eye along its line until every corner of the box is inside the picture.
Camera backed_off(Camera camera, const Box& box, double aspect) {
  const Camera::Frame frame = camera.frame();
  const double vertical = std::tan(camera.fov / 2 * kDegree) / kMargin;
  const double horizontal = vertical * aspect;
  double distance = kSmallest;
  for (int corner = 0; corner < 8; ++corner) {
    Vec at{};
    for (size_t axis = 0; axis < 3; ++axis)
      at[axis] = (corner >> axis & 1) != 0 ? box.high[axis] : box.low[axis];
    const Vec from = at - camera.target;
    const double toward = dot(from, frame.back);
    distance = std::max({distance,
                         toward + std::abs(dot(from, frame.right)) / horizontal,
                         toward + std::abs(dot(from, frame.up)) / vertical});
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

Camera fit(const Scene& scene, double aspect, double azimuth, double elevation) {
  const Box box = bounds(scene);
  Camera camera;
  camera.up = axis_of(scene.up);
  camera.target = 0.5 * (Vec(box.low) + Vec(box.high));
  // From the front, which is the axis before the last one in the cycle x → y → z.
  const Vec front = axis_of(scene.up == 2 ? 0 : 2);
  camera.eye = camera.target + std::max(box.diagonal(), kSmallest) * front;
  return backed_off(orbit(camera, azimuth, elevation), box, aspect);
}

Camera orbit(const Camera& camera, double azimuth, double elevation) {
  const Vec axis = unit(camera.up, {0, 1, 0});
  const Vec from = Vec(camera.eye) - Vec(camera.target);
  const double distance = std::max(length(from), kSmallest);
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
