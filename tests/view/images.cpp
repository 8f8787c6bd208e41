// SPDX-License-Identifier: Apache-2.0
#include "tests/view/images.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cairo.h>
#include <cmath>
#include <cstdlib>

namespace pointattn::test {

at::Tensor read_png(const std::filesystem::path& path) {
  cairo_surface_t* file = cairo_image_surface_create_from_png(path.c_str());
  TORCH_CHECK(cairo_surface_status(file) == CAIRO_STATUS_SUCCESS, path.string(), " is no PNG");
  const int width = cairo_image_surface_get_width(file);
  const int height = cairo_image_surface_get_height(file);
  cairo_surface_t* white = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_t* cairo = cairo_create(white);
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  cairo_set_source_surface(cairo, file, 0, 0);
  cairo_paint(cairo);
  cairo_surface_flush(white);
  at::Tensor image = at::empty({height, width, 3}, at::kByte);
  uint8_t* out = image.mutable_data_ptr<uint8_t>();
  for (int y = 0; y < height; ++y) {
    const auto* row = reinterpret_cast<const uint32_t*>(cairo_image_surface_get_data(white) +
                                                        static_cast<ptrdiff_t>(y) *
                                                            cairo_image_surface_get_stride(white));
    for (int x = 0; x < width; ++x) {
      for (const int shift : {16, 8, 0}) *out++ = static_cast<uint8_t>(row[x] >> shift);
    }
  }
  cairo_destroy(cairo);
  cairo_surface_destroy(white);
  cairo_surface_destroy(file);
  return image;
}

at::Tensor on_white(const at::Tensor& image) {
  const at::Tensor wide = image.to(at::kFloat);
  const at::Tensor alpha = wide.slice(2, 3, 4) / 255;
  return (wide.slice(2, 0, 3) * alpha + 255 * (1 - alpha)).round().to(at::kByte);
}

std::vector<int64_t> count_colors(const at::Tensor& image, const std::vector<Color>& colors) {
  std::vector<int64_t> counts(colors.size() + 1, 0);
  const at::Tensor pixels = image.contiguous();
  const uint8_t* rgb = pixels.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < pixels.numel(); i += 3) {
    const double p[] = {double(rgb[i]), double(rgb[i + 1]), double(rgb[i + 2])};
    if (p[0] + p[1] + p[2] > 3 * 250) continue;
    double nearest = 12;  // off a shade of the colour, in steps of 0 … 255
    size_t best = colors.size();
    for (size_t k = 0; k < colors.size(); ++k) {
      double dot = 0;
      double square = 0;
      for (size_t c = 0; c < 3; ++c) {
        dot += p[c] * colors[k][c];
        square += colors[k][c] * colors[k][c];
      }
      const double shade = std::clamp(dot / square, 0.4, 1.0);
      double off = 0;
      for (size_t c = 0; c < 3; ++c) off = std::max(off, std::abs(p[c] - shade * colors[k][c]));
      if (off < nearest) {
        nearest = off;
        best = k;
      }
    }
    ++counts[best];
  }
  return counts;
}

std::array<int64_t, 2> find_image(const at::Tensor& whole, const at::Tensor& part, int tolerance) {
  const at::Tensor large = whole.contiguous();
  const at::Tensor small = part.contiguous();
  const uint8_t* a = large.const_data_ptr<uint8_t>();
  const uint8_t* b = small.const_data_ptr<uint8_t>();
  const int64_t width = 3 * large.size(1);
  const int64_t columns = 3 * small.size(1);
  const auto lies_at = [&](int64_t y, int64_t x) {
    for (int64_t row = 0; row < small.size(0); ++row) {
      for (int64_t k = 0; k < columns; ++k) {
        if (std::abs(a[(y + row) * width + x + k] - b[row * columns + k]) > tolerance) return false;
      }
    }
    return true;
  };
  for (int64_t y = 0; y + small.size(0) <= large.size(0); ++y) {
    for (int64_t x = 0; x + columns <= width; x += 3)
      if (lies_at(y, x)) return {y, x / 3};
  }
  return {-1, -1};
}

}  // namespace pointattn::test
