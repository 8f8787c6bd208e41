// SPDX-License-Identifier: Apache-2.0
// Facts, and sampling of the surface that can be seen.
#include "datasets/procedural/solids.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pointattn::datasets {
namespace {

double area_of(const Triangle& t) {
  return length(cross(t.corner[1] - t.corner[0], t.corner[2] - t.corner[0])) / 2;
}

/// Uniform on the triangle (Osada et al. 2002).
SurfacePoint point_on(const Triangle& t, int part, Random& random) {
  const double root = std::sqrt(random.uniform());
  const double v = random.uniform();
  const double a = 1 - root;
  const double b = root * (1 - v);
  const double c = root * v;
  return {t.corner[0] * a + t.corner[1] * b + t.corner[2] * c,
          unit(t.normal[0] * a + t.normal[1] * b + t.normal[2] * c),
          part};
}

}  // namespace

void ShapeBuilder::has(int count,
                       std::string noun,
                       const std::vector<std::string>& forms,
                       std::string where) {
  PartFact fact{part_, count, std::move(noun), {}, std::move(where)};
  for (const std::string& form : forms) {
    if (!form.empty()) fact.forms.push_back(form);
  }
  facts_.parts.push_back(std::move(fact));
}

void ShapeBuilder::looks(std::string form) {
  if (!form.empty()) facts_.forms.push_back(std::move(form));
}

bool ShapeBuilder::inside(const Vec3& p, size_t except) const {
  for (size_t i = 0; i < solids_.size(); ++i) {
    const Solid& s = solids_[i];
    if (i == except || p.x < s.low.x || p.y < s.low.y || p.z < s.low.z) continue;
    if (p.x > s.high.x || p.y > s.high.y || p.z > s.high.z) continue;
    if (s.inside(p)) return true;
  }
  return false;
}

std::vector<SurfacePoint> ShapeBuilder::sample(int64_t points, Random& random) const {
  std::vector<double> ends;  // running sum of areas, to find a triangle by bisection
  std::vector<std::pair<size_t, size_t>> faces;
  double total = 0;
  for (size_t s = 0; s < solids_.size(); ++s) {
    for (size_t t = 0; t < solids_[s].surface.size(); ++t) {
      total += area_of(solids_[s].surface[t]);
      ends.push_back(total);
      faces.emplace_back(s, t);
    }
  }
  std::vector<SurfacePoint> result;
  result.reserve(static_cast<size_t>(points));
  while (static_cast<int64_t>(result.size()) < points) {
    const auto end = std::upper_bound(ends.begin(), ends.end() - 1, random.uniform() * total);
    const auto [solid, face] = faces[static_cast<size_t>(end - ends.begin())];
    const SurfacePoint point = point_on(solids_[solid].surface[face], solids_[solid].part, random);
    if (!inside(point.position, solid)) result.push_back(point);
  }
  return result;
}

}  // namespace pointattn::datasets
