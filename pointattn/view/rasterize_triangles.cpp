// SPDX-License-Identifier: Apache-2.0
// Triangles are cut at the near plane, projected, sorted by bands of rows, and each band is drawn
// by one thread with a depth test.
#include "pointattn/view/raster_inputs.h"
#include "pointattn/view/rasterizer.h"
#include "pointattn/view/row_bands.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>

namespace pointattn::view {
namespace {

constexpr int64_t kGrain = 1 << 12;

/// u·w, v·w, depth, w.
using Corner = std::array<float, 4>;

/// A triangle in the picture, all in front of the near plane.
struct Face {
  float u[3], v[3];
  float inverse_w[3];  ///< linear over the picture, as is depth / w
  float depth_over_w[3];
  float area = 0;  ///< twice, signed; 0 is not seen
  int32_t index = -1;
};

Corner corner_of(const float* m, const float* xyz) {
  Corner corner{};
  for (size_t r = 0; r < 4; ++r)
    corner[r] = m[4 * r] * xyz[0] + m[4 * r + 1] * xyz[1] + m[4 * r + 2] * xyz[2] + m[4 * r + 3];
  return corner;
}

Face face_of(const Corner& a, const Corner& b, const Corner& c, int32_t index) {
  Face face;
  face.index = index;
  const Corner* corners[] = {&a, &b, &c};
  for (int k = 0; k < 3; ++k) {
    const Corner& corner = *corners[k];
    face.inverse_w[k] = 1 / corner[3];
    face.u[k] = corner[0] / corner[3];
    face.v[k] = corner[1] / corner[3];
    face.depth_over_w[k] = corner[2] / corner[3];
  }
  face.area = (face.u[1] - face.u[0]) * (face.v[2] - face.v[0]) -
              (face.u[2] - face.u[0]) * (face.v[1] - face.v[0]);
  if (!std::isfinite(face.area)) face.area = 0;
  return face;
}

/// Appends what is left of a triangle in front of w = near: nothing, itself, or two.
void add_clipped(const std::array<Corner, 3>& triangle,
                 float near,
                 int32_t index,
                 std::vector<Face>& faces) {
  std::array<Corner, 4> kept{};
  size_t count = 0;
  for (size_t k = 0; k < 3; ++k) {
    const Corner& from = triangle[k];
    const Corner& to = triangle[(k + 1) % 3];
    const bool seen = from[3] > near;
    if (seen) kept[count++] = from;
    if (seen != (to[3] > near)) {
      const float t = (near - from[3]) / (to[3] - from[3]);
      for (size_t r = 0; r < 4; ++r) kept[count][r] = from[r] + t * (to[r] - from[r]);
      kept[count++][3] = near;
    }
  }
  for (size_t k = 2; k < count; ++k) {
    const Face face = face_of(kept[0], kept[k - 1], kept[k], index);
    if (face.area != 0) faces.push_back(face);
  }
}

/// Faces of all triangles, in their order.
std::vector<Face> faces_of(const at::Tensor& xyz,
                           const at::Tensor& triangles,
                           const float* project,
                           float near) {
  const float* point = xyz.const_data_ptr<float>();
  const int64_t* rows = triangles.const_data_ptr<int64_t>();
  const int64_t count = triangles.size(0);
  const int64_t chunks = (count + kGrain - 1) / kGrain;
  std::vector<std::vector<Face>> parts(static_cast<size_t>(chunks));
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      for (int64_t i = chunk * kGrain; i < std::min(count, (chunk + 1) * kGrain); ++i) {
        std::array<Corner, 3> triangle{};
        for (size_t k = 0; k < 3; ++k)
          triangle[k] = corner_of(project, point + 3 * rows[3 * i + static_cast<int64_t>(k)]);
        add_clipped(triangle, near, static_cast<int32_t>(i), parts[static_cast<size_t>(chunk)]);
      }
    }
  });
  std::vector<Face> faces;
  for (const std::vector<Face>& part : parts) faces.insert(faces.end(), part.begin(), part.end());
  return faces;
}

/// A line end in pixels, safe to convert.
int64_t pixel(float value, int64_t size) {
  return static_cast<int64_t>(std::clamp(value, -1.0F, static_cast<float>(size)));
}

void draw_face(const Face& face,
               int64_t first,
               int64_t last,
               int64_t height,
               int64_t width,
               float* depth,
               int32_t* nearest) {
  const auto [low_u, high_u] = std::minmax({face.u[0], face.u[1], face.u[2]});
  const auto [low_v, high_v] = std::minmax({face.v[0], face.v[1], face.v[2]});
  const int64_t top = std::max(first, pixel(std::ceil(low_v - 0.5F), height));
  const int64_t bottom = std::min(last, pixel(std::floor(high_v - 0.5F), height));
  const int64_t left = std::max<int64_t>(0, pixel(std::ceil(low_u - 0.5F), width));
  const int64_t right = std::min(width - 1, pixel(std::floor(high_u - 0.5F), width));
  for (int64_t y = top; y <= bottom; ++y) {
    for (int64_t x = left; x <= right; ++x) {
      const float px = static_cast<float>(x) + 0.5F;
      const float py = static_cast<float>(y) + 0.5F;
      float share[3];
      bool inside = true;
      for (int k = 0; k < 3; ++k) {
        const int a = (k + 1) % 3;
        const int b = (k + 2) % 3;
        share[k] =
            ((face.u[a] - px) * (face.v[b] - py) - (face.u[b] - px) * (face.v[a] - py)) / face.area;
        inside &= share[k] >= 0;
      }
      if (!inside) continue;
      float over_w = 0;
      float z = 0;
      for (int k = 0; k < 3; ++k) {
        over_w += share[k] * face.inverse_w[k];
        z += share[k] * face.depth_over_w[k];
      }
      z /= over_w;
      const int64_t at = y * width + x;
      if (z < depth[at]) {
        depth[at] = z;
        nearest[at] = face.index;
      }
    }
  }
}

}  // namespace

Raster rasterize_triangles(const at::Tensor& xyz,
                           const at::Tensor& triangles,
                           const at::Tensor& project,
                           int64_t height,
                           int64_t width,
                           float near) {
  check_raster_inputs("rasterize_triangles", xyz, project, height, width);
  TORCH_CHECK_VALUE(triangles.dim() == 2 && triangles.size(1) == 3 &&
                        triangles.scalar_type() == at::kLong &&
                        triangles.size(0) <= std::numeric_limits<int32_t>::max() / 2,
                    "rasterize_triangles: expected triangles [T,3] int64, got ",
                    triangles.sizes(),
                    " ",
                    triangles.scalar_type());
  if (triangles.size(0) > 0) {
    const auto [low, high] = triangles.aminmax();
    TORCH_CHECK_VALUE(low.item<int64_t>() >= 0 && high.item<int64_t>() < xyz.size(0),
                      "rasterize_triangles: expected rows below ",
                      xyz.size(0),
                      ", got ",
                      low.item<int64_t>(),
                      " to ",
                      high.item<int64_t>());
  }
  const at::Tensor points = xyz.contiguous();
  const at::Tensor corners = triangles.contiguous();
  const at::Tensor cameras = project.contiguous();
  Raster raster = empty_raster(cameras.size(0), height, width);
  at::parallel_for(0, cameras.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t camera = begin; camera < end; ++camera) {
      float* depth = raster.depth.mutable_data_ptr<float>() + camera * height * width;
      int32_t* nearest = raster.index.mutable_data_ptr<int32_t>() + camera * height * width;
      const std::vector<Face> faces =
          faces_of(points, corners, cameras.const_data_ptr<float>() + 16 * camera, near);
      const RowBands bands(static_cast<int64_t>(faces.size()), height, [&](int64_t i) {
        const Face& face = faces[static_cast<size_t>(i)];
        const auto [low, high] = std::minmax({face.v[0], face.v[1], face.v[2]});
        return std::pair<int64_t, int64_t>{pixel(std::floor(low), height),
                                           pixel(std::floor(high), height)};
      });
      bands.draw([&](int32_t i, int64_t first, int64_t last) {
        draw_face(faces[static_cast<size_t>(i)], first, last, height, width, depth, nearest);
      });
    }
  });
  return raster;
}

}  // namespace pointattn::view
