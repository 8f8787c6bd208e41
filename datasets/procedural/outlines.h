// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/vectors.h"

#include <vector>

namespace pointattn::datasets {

/// A closed polygon without its first point repeated. Prisms need one that is star-shaped about its
/// centroid.
using Outline = std::vector<Vec2>;

Outline rectangle(double width, double height);
Outline rounded_rectangle(double width, double height, double radius);
/// Superellipse |x/a|^p + |y/b|^p = 1: power 2 is an ellipse, larger powers come near to the
/// rectangle.
Outline ellipse(double width, double height, double power = 2.0);
Outline regular_polygon(int corners, double radius);
/// Moves every point.
Outline moved(Outline outline, double dx, double dy);

/// Half sections (radius, height) of solids of revolution, closed along the axis.
Outline cylinder_section(double r0, double r1, double height);
/// Arc of an ellipse about (0, 0) from latitude `from` to `to` (radians, -pi/2 is the bottom pole).
Outline dome_section(double radius, double height, double from, double to);
/// A wall of the given thickness, open at the top: follows the outer points (radius, height)
/// upwards and comes back inside. The first point is the foot of the wall; `floor` > 0 closes the
/// bottom with a floor of that thickness.
Outline wall_section(const Outline& outer, double thickness, double floor);
/// Points of a wall (heights rise) between two heights, ends interpolated.
Outline between_heights(const Outline& wall, double low, double high);
/// Points of a smooth curve through `knots` (Catmull and Rom 1974), `steps` a span.
Outline smooth(const Outline& knots, int steps = 6);

bool contains(const Outline& outline, const Vec2& point);
/// Positive for counter-clockwise.
double signed_area(const Outline& outline);
Vec2 centroid(const Outline& outline);

}  // namespace pointattn::datasets
