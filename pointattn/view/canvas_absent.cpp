// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/canvas.h"

#include <c10/util/Exception.h>

namespace pointattn::view {

struct Canvas::Surface {};

namespace {

[[noreturn]] void no_cairo() {
  TORCH_CHECK(false,
              "no pictures in this build: install libcairo2-dev and build again, or use --html "
              "OUT.html");
}

}  // namespace

double text_width(const std::string&, const TextStyle&) { no_cairo(); }
std::string fitted(const std::string&, const TextStyle&, double) { no_cairo(); }
Canvas::Canvas(int64_t, int64_t) { no_cairo(); }
Canvas::~Canvas() = default;
void Canvas::fill(const Color&) {}
void Canvas::paste(const at::Tensor&, int64_t, int64_t) {}
void Canvas::swatch(double, double, double, const Color&) {}
void Canvas::ramp(double, double, double, double, bool) {}
void Canvas::text(double, double, const std::string&, const TextStyle&) {}
at::Tensor Canvas::image() const { return {}; }
std::string png(const at::Tensor&) { no_cairo(); }

}  // namespace pointattn::view
