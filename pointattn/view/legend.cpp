// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/legend.h"

#include "pointattn/view/canvas.h"
#include "pointattn/view/numbers.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace pointattn::view {
namespace {

constexpr Color kQuiet = {110, 115, 122};

/// Sizes in pixels that follow from that of the text.
struct Sizes {
  explicit Sizes(double text)
      : line(1.7 * text), swatch(0.95 * text), gap(0.55 * text), between(1.6 * text) {}
  double line;     ///< from one line to the next
  double swatch;   ///< edge
  double gap;      ///< between swatch, name and share
  double between;  ///< entries beside one another
};

struct Line {
  std::string name;
  std::string share;
  Color color{};
  double name_width = 0;
  double share_width = 0;
};

int64_t whole(double pixels) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(pixels)));
}

class Drawer {
 public:
  Drawer(const Legend& legend, const LegendOptions& options)
      : legend_(legend),
        options_(options),
        sizes_(options.text_size),
        plain_{options.text_size, false},
        bold_{options.text_size, true},
        quiet_{options.text_size, false, kQuiet} {}

  at::Tensor draw() {
    if (legend_.ramp) return options_.in_rows ? ramp_in_row() : ramp_upright();
    if (legend_.entries.empty()) return at::empty({0, 0, 4}, at::kByte);
    measure();
    return options_.in_rows ? rows() : column();
  }

 private:
  double most() const { return options_.width > 0 ? static_cast<double>(options_.width) : 1e9; }
  double limited(double width) const { return std::min(width, most()); }

  void measure() {
    for (const LegendEntry& entry : legend_.entries) {
      Line line{entry.name, percent(entry.share), entry.color};
      line.share_width = text_width(line.share, quiet_);
      const double left = most() - sizes_.swatch - 2 * sizes_.gap - line.share_width;
      line.name = fitted(line.name, plain_, left);
      line.name_width = text_width(line.name, plain_);
      lines_.push_back(std::move(line));
    }
  }

  /// Takes the lines that do not fit away; returns what to say of them.
  std::string cut(size_t room) {
    if (lines_.size() <= room) return "";
    const size_t kept = room > 1 ? room - 1 : 0;
    const std::string rest = "and " + std::to_string(lines_.size() - kept) + " more";
    lines_.resize(kept);
    return rest;
  }

  double baseline(double top) const { return top + 0.5 * sizes_.line + 0.36 * options_.text_size; }

  void title(Canvas& canvas) {
    canvas.text(0, baseline(0), fitted(legend_.title, bold_, most()), bold_);
  }

  void entry(Canvas& canvas, const Line& line, double x, double top, double share_x) const {
    canvas.swatch(x, top + (sizes_.line - sizes_.swatch) / 2, sizes_.swatch, line.color);
    canvas.text(x + sizes_.swatch + sizes_.gap, baseline(top), line.name, plain_);
    canvas.text(share_x, baseline(top), line.share, quiet_);
  }

  at::Tensor column() {
    const double room = options_.height > 0 ? static_cast<double>(options_.height) : 1e9;
    const std::string rest = cut(static_cast<size_t>(std::clamp(room / sizes_.line - 1, 1.0, 1e6)));
    double names = 0;
    double shares = 0;
    for (const Line& line : lines_) {
      names = std::max(names, line.name_width);
      shares = std::max(shares, line.share_width);
    }
    const double width = limited(std::max({sizes_.swatch + names + 2 * sizes_.gap + shares,
                                           text_width(legend_.title, bold_),
                                           rest.empty() ? 0 : text_width(rest, quiet_)}));
    const size_t count = lines_.size() + (rest.empty() ? 1 : 2);
    Canvas canvas(whole(sizes_.line * static_cast<double>(count)), whole(width));
    title(canvas);
    double top = sizes_.line;
    for (const Line& line : lines_) {
      entry(canvas, line, 0, top, width - line.share_width);
      top += sizes_.line;
    }
    if (!rest.empty()) canvas.text(0, baseline(top), rest, quiet_);
    return canvas.image();
  }

  /// Entries beside one another; lines break where the width ends.
  at::Tensor rows() {
    const auto width_of = [&](const Line& line) {
      return sizes_.swatch + line.name_width + 2 * sizes_.gap + line.share_width;
    };
    std::vector<std::vector<Line>> broken;
    double used = 0;
    double widest = text_width(legend_.title, bold_);
    for (const Line& line : lines_) {
      if (broken.empty() || used + sizes_.between + width_of(line) > most()) {
        broken.emplace_back();
        used = -sizes_.between;
      }
      used += sizes_.between + width_of(line);
      widest = std::max(widest, used);
      broken.back().push_back(line);
    }
    const double room = options_.height > 0 ? static_cast<double>(options_.height) : 1e9;
    const auto fit = static_cast<size_t>(std::clamp(room / sizes_.line - 1, 1.0, 1e6));
    size_t hidden = 0;
    const bool short_of_room = broken.size() > fit;
    for (; broken.size() > (short_of_room && fit > 1 ? fit - 1 : fit); broken.pop_back())
      hidden += broken.back().size();
    const size_t count = broken.size() + (short_of_room ? 2 : 1);
    Canvas canvas(whole(sizes_.line * static_cast<double>(count)), whole(limited(widest)));
    title(canvas);
    double top = sizes_.line;
    for (const std::vector<Line>& row : broken) {
      double x = 0;
      for (const Line& line : row) {
        entry(canvas, line, x, top, x + width_of(line) - line.share_width);
        x += width_of(line) + sizes_.between;
      }
      top += sizes_.line;
    }
    if (short_of_room)
      canvas.text(0, baseline(top), "and " + std::to_string(hidden) + " more", quiet_);
    return canvas.image();
  }

  at::Tensor ramp_upright() {
    const std::vector<Tick> marks = ticks(legend_.ramp->low, legend_.ramp->high, 5);
    const double bar = 1.1 * options_.text_size;
    double numbers = 0;
    for (const Tick& tick : marks) numbers = std::max(numbers, text_width(tick.text, plain_));
    double height = 12 * options_.text_size;
    if (options_.height > 0)
      height = std::clamp(static_cast<double>(options_.height) - 2 * sizes_.line, 1.0, height);
    const double width =
        limited(std::max(bar + sizes_.gap + numbers, text_width(legend_.title, bold_)));
    Canvas canvas(whole(height + 2 * sizes_.line), whole(width));
    title(canvas);
    const double top = 1.5 * sizes_.line;
    canvas.ramp(0, top, bar, height, true);
    for (const Tick& tick : marks) {
      const double middle = top + height * (1 - tick.at);
      canvas.text(bar + sizes_.gap, middle + 0.36 * options_.text_size, tick.text, plain_);
    }
    return canvas.image();
  }

  at::Tensor ramp_in_row() {
    const std::vector<Tick> marks = ticks(legend_.ramp->low, legend_.ramp->high, 3);
    const double bar = 1.1 * options_.text_size;
    const double width = limited(24 * options_.text_size);
    Canvas canvas(whole(2 * sizes_.line + bar), whole(width));
    title(canvas);
    canvas.ramp(0, sizes_.line, width, bar, false);
    for (const Tick& tick : marks) {
      const double wide = text_width(tick.text, plain_);
      const double x = std::clamp(width * tick.at - wide / 2, 0.0, std::max(0.0, width - wide));
      canvas.text(x, baseline(sizes_.line + bar), tick.text, plain_);
    }
    return canvas.image();
  }

  const Legend& legend_;
  const LegendOptions& options_;
  Sizes sizes_;
  TextStyle plain_;
  TextStyle bold_;
  TextStyle quiet_;
  std::vector<Line> lines_;
};

}  // namespace

at::Tensor draw_legend(const Legend& legend, const LegendOptions& options) {
  return Drawer(legend, options).draw();
}

}  // namespace pointattn::view
