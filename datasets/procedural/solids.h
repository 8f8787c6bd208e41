// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/facts.h"
#include "datasets/procedural/outlines.h"
#include "datasets/procedural/random.h"
#include "datasets/procedural/vectors.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace pointattn::datasets {

struct Triangle {
  std::array<Vec3, 3> corner;
  std::array<Vec3, 3>
      normal;  ///< outward, at the corners: round surfaces are smooth across their facets
};

/// A closed body of one part: its surface in the shape's coordinates, and whether a point lies
/// inside it.
struct Solid {
  int part = 0;
  std::vector<Triangle> surface;
  Vec3 low;  ///< bounding box
  Vec3 high;
  std::function<bool(const Vec3&)> inside;
};

/// How the far end of a prism differs from the near one: scaled about the outline's origin, then
/// shifted.
struct Taper {
  double scale = 1.0;
  Vec2 shift;
};

struct SurfacePoint {
  Vec3 position;
  Vec3 normal;
  int part = 0;
};

/// Puts a shape together from boxes, prisms, solids of revolution and tubes. y is up, the front
/// looks along +z. Where solids meet they should overlap a little: what lies inside another solid
/// is never sampled, so no inner faces remain.
class ShapeBuilder {
 public:
  /// The part (position in its category's list) that the following solids belong to.
  void part(int id) { part_ = id; }

  /// Facts about the current part, see PartFact; empty forms are left out, so that size_word() may
  /// stand among them. They change nothing of what is built.
  void has(int count,
           std::string noun,
           const std::vector<std::string>& forms = {},
           std::string where = {});
  void lacks(std::string noun) { has(0, std::move(noun)); }
  /// Facts about the whole.
  void called(std::string name) { facts_.name = std::move(name); }
  void looks(std::string form);
  const ShapeFacts& facts() const { return facts_; }

  void box(const Vec3& centre, const Vec3& size);
  /// Box in a frame whose origin is the centre.
  void box(const Frame& frame, const Vec3& size);
  /// Outline in the frame's x-y plane, extruded along z from -depth/2 to depth/2.
  void prism(const Frame& frame, const Outline& outline, double depth, const Taper& taper = {});
  /// Flat plate between two heights, outline seen from above (x, -z).
  void plate(const Vec3& bottom_centre,
             const Outline& outline,
             double thickness,
             const Taper& taper = {});
  /// Half section (radius, height) turned about the frame's y axis, its round stretched by `scale`
  /// along x and z.
  void lathe(const Frame& frame, const Outline& section, const Vec2& scale = {1, 1});
  void lathe(const Vec3& origin, const Outline& section) { lathe(Frame{origin}, section); }
  /// Round bar or cone between two points.
  void rod(const Vec3& from, const Vec3& to, double radius_from, double radius_to);
  void rod(const Vec3& from, const Vec3& to, double radius) { rod(from, to, radius, radius); }
  void ellipsoid(const Frame& frame, const Vec3& radii);
  void ellipsoid(const Vec3& centre, const Vec3& radii) { ellipsoid(Frame{centre}, radii); }
  /// Round bar along a path, its radius going evenly from one end to the other.
  void tube(const std::vector<Vec3>& path, double radius_from, double radius_to);
  void tube(const std::vector<Vec3>& path, double radius) { tube(path, radius, radius); }

  /// Points of the visible surface, area-weighted, in random order.
  std::vector<SurfacePoint> sample(int64_t points, Random& random) const;

  /// Whether a point lies inside any solid but number `except`.
  bool inside(const Vec3& point, size_t except = SIZE_MAX) const;

 private:
  void add(Solid solid);

  int part_ = 0;
  std::vector<Solid> solids_;
  ShapeFacts facts_;
};

/// Arc of a circle of radius `radius` about `centre` in the plane of unit vectors `u`, `v`, from
/// `from` to `to` radians.
std::vector<Vec3> arc(
    const Vec3& centre, const Vec3& u, const Vec3& v, double radius, double from, double to);
/// Smooth curve through points in a plane: the outline's x along `u`, y along `v` from `origin`.
std::vector<Vec3> path_in_plane(const Outline& points,
                                const Vec3& origin,
                                const Vec3& u,
                                const Vec3& v);

}  // namespace pointattn::datasets
