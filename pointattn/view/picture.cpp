// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/picture.h"

#include "pointattn/core/files.h"
#include "pointattn/view/canvas.h"
#include "pointattn/view/numbers.h"
#include "pointattn/view/render.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>

namespace pointattn::view {
namespace {

constexpr Color kPaper = {255, 255, 255};
constexpr Color kQuiet = {110, 115, 122};

struct Rectangle {
  int64_t x = 0;
  int64_t y = 0;
  int64_t width = 1;
  int64_t height = 1;
};

/// Where a panel has its things.
struct Place {
  double title_x = 0;
  double title_width = 1;
  int64_t legend_x = 0;
  int64_t legend_y = 0;
  at::Tensor legend;
  std::vector<Rectangle> views;
};

struct Layout {
  TextStyle title;
  TextStyle subtitle;
  double top = 0;  ///< above the titles
  std::vector<Place> panels;
};

int64_t whole(double pixels) { return static_cast<int64_t>(std::lround(pixels)); }

/// `count` rectangles in rows of `columns`, with `gap` between them.
std::vector<Rectangle> grid(const Rectangle& area, int64_t count, int64_t columns, int64_t gap) {
  const int64_t rows = (count + columns - 1) / columns;
  const int64_t width = std::max<int64_t>(1, (area.width - gap * (columns - 1)) / columns);
  const int64_t height = std::max<int64_t>(1, (area.height - gap * (rows - 1)) / rows);
  std::vector<Rectangle> cells;
  for (int64_t i = 0; i < count; ++i) {
    cells.push_back({area.x + i % columns * (width + gap),
                     area.y + i / columns * (height + gap),
                     width,
                     height});
  }
  return cells;
}

/// Columns that leave the cells nearest to squares.
int64_t columns_for(const Rectangle& area, int64_t count) {
  int64_t best = 1;
  double smallest = 1e300;
  for (int64_t columns = 1; columns <= count; ++columns) {
    const Rectangle cell = grid(area, count, columns, 0).front();
    const double off =
        std::abs(std::log(static_cast<double>(cell.width) / static_cast<double>(cell.height)));
    // A row that stays half empty wastes as much as a cell that is not square.
    const double waste =
        static_cast<double>((columns - count % columns) % columns) / static_cast<double>(count);
    if (off + waste < smallest) {
      smallest = off + waste;
      best = columns;
    }
  }
  return best;
}

/// One panel has its legend at the right, two have theirs below them.
Layout layout(const Scene& scene, const PictureOptions& options, int64_t views) {
  Layout layout;
  const auto width = static_cast<double>(options.width);
  const auto height = static_cast<double>(options.height);
  const auto panels = static_cast<int64_t>(scene.panels.size());
  if (!options.legend) {
    const int64_t columns = options.width / panels;
    for (int64_t p = 0; p < panels; ++p) {
      Place place;
      const Rectangle area{p * columns, 0, columns, options.height};
      place.views = grid(area, views, columns_for(area, views), 0);
      layout.panels.push_back(std::move(place));
    }
    return layout;
  }
  const double text = std::clamp(15 * std::sqrt(width * height / (1280.0 * 960.0)), 11.0, 60.0);
  const double margin = 1.6 * text;
  layout.title = {1.2 * text, true};
  layout.subtitle = {text, false, kQuiet};
  layout.top = margin;
  const double heading = 3.4 * text;
  const double gap = 2 * text;
  const double column =
      (width - 2 * margin - gap * static_cast<double>(panels - 1)) / static_cast<double>(panels);
  double foot = 0;
  std::vector<at::Tensor> legends;
  for (const Panel& panel : scene.panels) {
    LegendOptions legend;
    legend.text_size = text;
    legend.in_rows = panels > 1;
    legend.width = std::max<int64_t>(1, whole(panels > 1 ? column : 0.3 * width));
    legend.height = whole(panels > 1 ? 0.24 * height : height - 2 * margin - heading);
    legends.push_back(draw_legend(panel.coloring(options.by).legend, legend));
    if (panels > 1) foot = std::max(foot, static_cast<double>(legends.back().size(0)) + text);
  }
  for (int64_t p = 0; p < panels; ++p) {
    Place place;
    place.legend = legends[static_cast<size_t>(p)];
    const double left = margin + static_cast<double>(p) * (column + gap);
    const auto legend_width = static_cast<double>(place.legend.size(1));
    const double side = panels > 1 || legend_width == 0 ? 0 : legend_width + gap;
    place.title_x = left;
    place.title_width = column;
    const double y = margin + heading;
    const Rectangle area{whole(left),
                         whole(y),
                         std::max<int64_t>(1, whole(column - side)),
                         std::max<int64_t>(1, whole(height - margin - foot - y))};
    place.views = grid(area, views, columns_for(area, views), whole(text));
    place.legend_x = panels > 1 ? area.x : options.width - whole(margin) - place.legend.size(1);
    place.legend_y = panels > 1
                         ? area.y + area.height + whole(text)
                         : area.y + std::max<int64_t>(0, (area.height - place.legend.size(0)) / 2);
    layout.panels.push_back(std::move(place));
  }
  return layout;
}

void check_size(const Scene& scene, const PictureOptions& options) {
  TORCH_CHECK_VALUE(options.width >= 64 && options.width <= 16384 && options.height >= 64 &&
                        options.height <= 16384,
                    "picture: expected a size of 64x64 to 16384x16384, got ",
                    options.width,
                    "x",
                    options.height);
  TORCH_CHECK_VALUE(!scene.panels.empty(), "picture: expected a scene with a panel, got none");
}

std::string subtitle(const Panel& panel) {
  const int64_t points = panel.points();
  std::string text = thousands(points) + (points == 1 ? " point" : " points");
  if (panel.triangles.defined()) text += ", " + thousands(panel.triangles.size(0)) + " triangles";
  return points == 0 ? "nothing to show: no points" : text;
}

}  // namespace

double panel_aspect(const Scene& scene, const PictureOptions& options, int64_t views) {
  check_size(scene, options);
  const Rectangle cell = layout(scene, options, views).panels.front().views.front();
  return static_cast<double>(cell.width) / static_cast<double>(cell.height);
}

at::Tensor draw_picture(const Scene& scene,
                        const std::vector<Camera>& cameras,
                        const PictureOptions& options) {
  check_size(scene, options);
  TORCH_CHECK_VALUE(!cameras.empty(), "picture: expected a camera, got none");
  const Layout places = layout(scene, options, static_cast<int64_t>(cameras.size()));
  Canvas canvas(options.height, options.width);
  canvas.fill(kPaper);
  for (size_t p = 0; p < scene.panels.size(); ++p) {
    const Panel& panel = scene.panels[p];
    const Place& place = places.panels[p];
    const Coloring& coloring = panel.coloring(options.by);
    for (size_t view = 0; view < cameras.size(); ++view) {
      const Rectangle& cell = place.views[view];
      canvas.paste(
          render(panel, coloring, cameras[view], cell.height, cell.width, options.point_size),
          cell.x,
          cell.y);
    }
    if (!options.legend) continue;
    const double baseline = places.top + places.title.size;
    canvas.text(place.title_x,
                baseline,
                fitted(panel.title, places.title, place.title_width),
                places.title);
    canvas.text(place.title_x,
                baseline + 1.5 * places.subtitle.size,
                fitted(subtitle(panel), places.subtitle, place.title_width),
                places.subtitle);
    canvas.paste(place.legend, place.legend_x, place.legend_y);
  }
  return canvas.image();
}

void write_png(const std::filesystem::path& path, const at::Tensor& image) {
  const std::string bytes = png(image);
  write_file(path, [&](std::ostream& out) { out << bytes; });
}

}  // namespace pointattn::view
