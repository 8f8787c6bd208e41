// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/canvas.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <cairo.h>
#include <cmath>
#include <numbers>

namespace pointattn::view {
namespace {

constexpr const char* kFont = "DejaVu Sans";

void check(cairo_status_t status, const char* what) {
  TORCH_CHECK(status == CAIRO_STATUS_SUCCESS,
              "cannot draw ",
              what,
              ": ",
              cairo_status_to_string(status),
              " (Debian package fonts-dejavu-core has the font)");
}

void set_font(cairo_t* cairo, const TextStyle& style) {
  cairo_select_font_face(cairo,
                         kFont,
                         CAIRO_FONT_SLANT_NORMAL,
                         style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, style.size);
}

void set_color(cairo_t* cairo, const Color& color) {
  cairo_set_source_rgb(cairo, color[0] / 255.0, color[1] / 255.0, color[2] / 255.0);
}

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct DestroyCairo {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
using SurfacePointer = std::unique_ptr<cairo_surface_t, DestroySurface>;
using CairoPointer = std::unique_ptr<cairo_t, DestroyCairo>;

SurfacePointer new_surface(int64_t height, int64_t width) {
  SurfacePointer surface(cairo_image_surface_create(
      CAIRO_FORMAT_ARGB32, static_cast<int>(width), static_cast<int>(height)));
  check(cairo_surface_status(surface.get()), "a picture");
  return surface;
}

/// Cairo keeps 0xAARRGGBB in the machine's byte order, colours multiplied by alpha.
SurfacePointer to_surface(const at::Tensor& image) {
  const at::Tensor pixels = image.contiguous();
  SurfacePointer surface = new_surface(pixels.size(0), pixels.size(1));
  cairo_surface_flush(surface.get());
  const uint8_t* from = pixels.const_data_ptr<uint8_t>();
  unsigned char* to = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int64_t y = 0; y < pixels.size(0); ++y) {
    auto* row = reinterpret_cast<uint32_t*>(to + y * stride);
    for (int64_t x = 0; x < pixels.size(1); ++x, from += 4) {
      const uint32_t alpha = from[3];
      const auto times = [&](uint32_t value) { return (value * alpha + 127) / 255; };
      row[x] = alpha << 24 | times(from[0]) << 16 | times(from[1]) << 8 | times(from[2]);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

cairo_status_t append(void* text, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

struct Canvas::Surface {
  SurfacePointer surface;
  CairoPointer cairo;
};

double text_width(const std::string& text, const TextStyle& style) {
  static const SurfacePointer surface = new_surface(1, 1);
  const CairoPointer cairo(cairo_create(surface.get()));
  set_font(cairo.get(), style);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo.get(), text.c_str(), &extents);
  check(cairo_status(cairo.get()), "text");
  return extents.x_advance;
}

std::string fitted(const std::string& text, const TextStyle& style, double width) {
  if (text_width(text, style) <= width) return text;
  std::string begin = text;
  while (!begin.empty()) {
    // A whole character: the bytes that continue one go with it.
    do {
      const bool continues = (static_cast<uint8_t>(begin.back()) & 0xC0U) == 0x80;
      begin.pop_back();
      if (!continues) break;
    } while (!begin.empty());
    if (text_width(begin + "…", style) <= width) return begin + "…";
  }
  return "";
}

Canvas::Canvas(int64_t height, int64_t width) : surface_(std::make_unique<Surface>()) {
  surface_->surface = new_surface(height, width);
  surface_->cairo.reset(cairo_create(surface_->surface.get()));
}

Canvas::~Canvas() = default;

void Canvas::fill(const Color& color) {
  set_color(surface_->cairo.get(), color);
  cairo_paint(surface_->cairo.get());
}

void Canvas::paste(const at::Tensor& image, int64_t x, int64_t y) {
  if (image.numel() == 0) return;
  const SurfacePointer picture = to_surface(image);
  cairo_set_source_surface(
      surface_->cairo.get(), picture.get(), static_cast<double>(x), static_cast<double>(y));
  cairo_paint(surface_->cairo.get());
}

void Canvas::swatch(double x, double y, double size, const Color& color) {
  cairo_t* cairo = surface_->cairo.get();
  const double radius = size * 0.22;
  const double quarter = std::numbers::pi / 2;
  cairo_new_sub_path(cairo);
  cairo_arc(cairo, x + size - radius, y + radius, radius, -quarter, 0);
  cairo_arc(cairo, x + size - radius, y + size - radius, radius, 0, quarter);
  cairo_arc(cairo, x + radius, y + size - radius, radius, quarter, 2 * quarter);
  cairo_arc(cairo, x + radius, y + radius, radius, 2 * quarter, 3 * quarter);
  cairo_close_path(cairo);
  set_color(cairo, color);
  cairo_fill(cairo);
}

void Canvas::ramp(double x, double y, double width, double height, bool upwards) {
  cairo_t* cairo = surface_->cairo.get();
  cairo_pattern_t* pattern = upwards ? cairo_pattern_create_linear(0, y + height, 0, y)
                                     : cairo_pattern_create_linear(x, 0, x + width, 0);
  constexpr int kStops = 32;
  for (int stop = 0; stop <= kStops; ++stop) {
    const double t = static_cast<double>(stop) / kStops;
    const Color color = ramp_color(t);
    cairo_pattern_add_color_stop_rgb(
        pattern, t, color[0] / 255.0, color[1] / 255.0, color[2] / 255.0);
  }
  cairo_rectangle(cairo, x, y, width, height);
  cairo_set_source(cairo, pattern);
  cairo_fill(cairo);
  cairo_pattern_destroy(pattern);
}

void Canvas::text(double x, double baseline, const std::string& text, const TextStyle& style) {
  cairo_t* cairo = surface_->cairo.get();
  set_font(cairo, style);
  set_color(cairo, style.color);
  cairo_move_to(cairo, x, baseline);
  cairo_show_text(cairo, text.c_str());
  check(cairo_status(cairo), "text");
}

at::Tensor Canvas::image() const {
  cairo_surface_t* surface = surface_->surface.get();
  cairo_surface_flush(surface);
  const int64_t height = cairo_image_surface_get_height(surface);
  const int64_t width = cairo_image_surface_get_width(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  at::Tensor image = at::empty({height, width, 4}, at::kByte);
  uint8_t* to = image.mutable_data_ptr<uint8_t>();
  for (int64_t y = 0; y < height; ++y) {
    const auto* row =
        reinterpret_cast<const uint32_t*>(cairo_image_surface_get_data(surface) + y * stride);
    for (int64_t x = 0; x < width; ++x, to += 4) {
      const uint32_t alpha = row[x] >> 24;
      for (int channel = 0; channel < 3; ++channel) {
        const uint32_t value = row[x] >> (16 - 8 * channel) & 0xFFU;
        to[channel] = alpha == 0
                          ? 0
                          : static_cast<uint8_t>(std::min(255U, (value * 255 + alpha / 2) / alpha));
      }
      to[3] = static_cast<uint8_t>(alpha);
    }
  }
  return image;
}

std::string png(const at::Tensor& image) {
  const SurfacePointer surface = to_surface(image);
  std::string bytes;
  check(cairo_surface_write_to_png_stream(surface.get(), append, &bytes), "a PNG file");
  return bytes;
}

}  // namespace pointattn::view
