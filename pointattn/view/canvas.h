// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"
#include "pointattn/view/scene.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

namespace pointattn::view {

struct TextStyle {
  double size = 15;  ///< pixels of the em
  bool bold = false;
  Color color = {32, 35, 40};
};

/// Width of a line in pixels. Throws c10::Error where text cannot be drawn.
double text_width(const std::string& text, const TextStyle& style);

/// The text, or as much of its beginning as fits `width` with an ellipsis.
std::string fitted(const std::string& text, const TextStyle& style, double width);

/// A picture to draw on: text, swatches, other pictures. Made of Cairo; without it in the build the
/// constructor and text_width() throw c10::Error that names the cure. On a machine without fonts
/// Cairo draws its own plain letters, ASCII only.
class Canvas {
 public:
  /// Transparent.
  Canvas(int64_t height, int64_t width);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  void fill(const Color& color);
  /// Puts an image uint8 [H,W,4] over what is there, its corner at (x, y).
  void paste(const at::Tensor& image, int64_t x, int64_t y);
  /// A square with round corners.
  void swatch(double x, double y, double size, const Color& color);
  /// The colours of ramp_color(), from left to right or from bottom to top.
  void ramp(double x, double y, double width, double height, bool upwards);
  /// A line of text that begins at x.
  void text(double x, double baseline, const std::string& text, const TextStyle& style);

  /// uint8 [H,W,4], not premultiplied.
  at::Tensor image() const;

 private:
  struct Surface;
  std::unique_ptr<Surface> surface_;
};

/// The bytes of a PNG file of the image.
std::string png(const at::Tensor& image);

}  // namespace pointattn::view
