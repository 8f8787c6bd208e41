// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/closest.h"
#include "pointattn/view/colorings.h"
#include "pointattn/view/density.h"
#include "pointattn/view/printable.h"
#include "pointattn/view/scene.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace pointattn::view {
namespace {

using Point = std::array<double, 3>;

constexpr double kFarthest = 1e18;  // squares of distances stay float32
constexpr size_t kMostFields = 64;  // of a file made to fill the memory

/// Splits "<id> <Category> <part> #rrggbb", the rest of a label comment. Category and part may hold
/// blanks; `category` is the name in the comment before.
void read_label(const std::string& text,
                const std::string& category,
                std::map<int64_t, Part>& parts) {
  int64_t id = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const size_t begin = static_cast<size_t>(rest - text.data()) + 1;
  const size_t end = text.rfind(" #");
  if (error != std::errc() || end == std::string::npos || begin > end) return;
  const std::optional<Color> color = color_from_hex(text.substr(end + 1));
  if (!color) return;
  std::string names = text.substr(begin, end - begin);
  if (!category.empty() && names.starts_with(category + " ")) {
    names = names.substr(category.size() + 1);
  } else if (const size_t blank = names.find(' '); blank != std::string::npos) {
    names = names.substr(blank + 1);
  }
  parts[id] = {printable(names), *color};
}

struct Names {
  std::string category;
  std::map<int64_t, Part> parts;
};

/// What the comments say of labels; of those that `segment` has set aside with the prefix "orig_".
Names names_in(const std::vector<std::string>& comments, const std::string& prefix = {}) {
  Names names;
  for (const std::string& line : comments) {
    if (!line.starts_with(prefix)) continue;
    const std::string comment = line.substr(prefix.size());
    if (comment.starts_with("category ")) names.category = comment.substr(9);
    if (comment.starts_with("label ")) read_label(comment.substr(6), names.category, names.parts);
  }
  names.category = printable(names.category);
  return names;
}

/// Field `name` of one channel with whole numbers, as int64; undefined when there is none.
at::Tensor whole_numbers(const io::Cloud& cloud, const std::string& name) {
  const io::Field* field = cloud.find(name);
  if (!field || field->values.dim() != 1) return {};
  if (!at::isFloatingType(field->values.scalar_type())) return field->values.to(at::kLong);
  const at::Tensor ids = field->values.to(at::kLong);
  return ids.to(field->values.scalar_type()).equal(field->values) ? ids : at::Tensor();
}

/// The file's own colours, uint8 [N,3]: those that `segment` has set aside before those it painted.
at::Tensor own_colors(const io::Cloud& cloud) {
  io::Cloud before;
  for (const io::Field& field : cloud.fields) {
    if (field.name.starts_with("orig_"))
      before.fields.push_back({field.name.substr(5), field.values});
  }
  const at::Tensor colors = before.colors();
  return colors.defined() ? colors : cloud.colors();
}

/// Where a panel has its zero: the middle of what it shows.
Point middle(const at::Tensor& xyz) {
  Point origin{};
  if (xyz.size(0) == 0) return origin;
  const auto [low, high] = xyz.aminmax(0);
  for (int64_t axis = 0; axis < 3; ++axis)
    origin[static_cast<size_t>(axis)] = (low[axis].item<double>() + high[axis].item<double>()) / 2;
  return origin;
}

at::Tensor from_origin(const at::Tensor& xyz, const Point& origin) {
  return (xyz - at::tensor({origin[0], origin[1], origin[2]}, at::kDouble))
      .to(at::kFloat)
      .contiguous();
}

/// Triangles of the points that are shown, with their new rows.
at::Tensor kept_triangles(const at::Tensor& triangles, const at::Tensor& rows, int64_t points) {
  if (rows.numel() == points) return triangles.contiguous();
  at::Tensor place = at::full({points}, -1, at::kLong);
  place.index_put_({rows}, at::arange(rows.numel(), at::kLong));
  const at::Tensor moved = place.index_select(0, triangles.flatten()).view({-1, 3});
  return moved.index({moved.ge(0).all(1)}).contiguous();
}

void add_fields(Panel& panel, const io::Cloud& cloud, int up) {
  static const std::set<std::string> special = {"x",
                                                "y",
                                                "z",
                                                "red",
                                                "green",
                                                "blue",
                                                "alpha",
                                                "r",
                                                "g",
                                                "b",
                                                "rgb",
                                                "rgba",
                                                "label",
                                                "confidence"};
  static const std::set<std::string> ids = {
      "class", "classification", "part", "segment", "instance", "orig_label"};
  const auto shown = [&](const at::Tensor& values) { return values.index_select(0, panel.rows); };
  if (const at::Tensor colors = own_colors(cloud); colors.defined())
    panel.colorings.push_back({"color", shown(colors).contiguous(), {}, {}});
  if (panel.confidence.defined())
    panel.colorings.push_back(color_by_number("confidence", panel.confidence, Ramp{0, 1}));
  const Point& origin = panel.origin;
  panel.colorings.push_back(color_by_number(
      "height", panel.xyz.select(1, up).to(at::kDouble) + origin[static_cast<size_t>(up)]));
  for (const io::Field& field : cloud.fields) {
    const std::string name = printable(field.name);
    if (field.values.dim() != 1 || special.contains(lower(field.name)) || panel.find(name))
      continue;
    if (panel.colorings.size() > kMostFields) break;
    if (field.name == "orig_label" || ids.contains(lower(field.name))) {
      if (const at::Tensor whole = whole_numbers(cloud, field.name); whole.defined()) {
        const bool aside = field.name == "orig_label";
        panel.colorings.push_back(color_by_id(
            name,
            name,
            shown(whole),
            aside ? names_in(cloud.comments, "orig_").parts : std::map<int64_t, Part>()));
        continue;
      }
    }
    panel.colorings.push_back(color_by_number(name, shown(field.values)));
  }
}

/// What two clouds of one scene have in common.
struct Common {
  int up = 1;
  std::map<int64_t, Part> parts;  ///< names for labels that a file does not explain itself
  std::optional<Point> origin;    ///< else the middle of the cloud
};

Panel make_panel(const io::Cloud& cloud,
                 const std::string& title,
                 const Common& common,
                 std::vector<std::string>& notes) {
  Panel panel;
  panel.title = printable(title);
  const at::Tensor all = cloud.xyz();
  const at::Tensor good = all.isfinite().logical_and(all.abs().lt(kFarthest)).all(1);
  panel.rows = good.nonzero().squeeze(1);
  const int64_t lost = all.size(0) - panel.rows.numel();
  if (lost > 0) {
    notes.push_back(panel.title + ": " + std::to_string(lost) +
                    (lost == 1 ? " point is" : " points are") + " not finite and left out");
  }
  const at::Tensor xyz = lost == 0 ? all : all.index_select(0, panel.rows);
  panel.origin = common.origin ? *common.origin : middle(xyz);
  panel.xyz = from_origin(xyz, panel.origin);
  panel.spacing = spacing(panel.xyz);
  if (cloud.triangles.defined() && cloud.triangles.size(0) > 0)
    panel.triangles = kept_triangles(cloud.triangles, panel.rows, all.size(0));

  Names names = names_in(cloud.comments);
  names.parts.insert(common.parts.begin(), common.parts.end());
  panel.parts = std::move(names.parts);
  if (const at::Tensor label = whole_numbers(cloud, "label"); label.defined()) {
    panel.label = label.index_select(0, panel.rows);
    panel.colorings.push_back(color_by_id(
        "label", names.category.empty() ? "label" : names.category, panel.label, panel.parts));
  }
  const io::Field* confidence = cloud.find("confidence");
  if (confidence && confidence->values.dim() == 1)
    panel.confidence = confidence->values.to(at::kFloat).index_select(0, panel.rows);
  add_fields(panel, cloud, common.up);
  return panel;
}

bool far_apart(const Panel& a, const Panel& b) {
  double distance = 0;
  for (size_t axis = 0; axis < 3; ++axis)
    distance = std::max(distance, std::abs(a.origin[axis] - b.origin[axis]));
  return distance > 3 * (bounds(a).diagonal() + bounds(b).diagonal());
}

void check_up(int up) {
  TORCH_CHECK_VALUE(up >= 0 && up <= 2, "scene: expected 0, 1 or 2 as the up axis, got ", up);
}

/// One camera shows both clouds at one scale: says so where that makes a dot of one of them.
void note_scale(const Panel& first, const Panel& second, std::vector<std::string>& notes) {
  constexpr double kDot = 20;
  if (first.points() < 2 || second.points() < 2) return;
  const double ratio = bounds(first).diagonal() / bounds(second).diagonal();
  if (!(ratio > kDot || ratio < 1 / kDot)) return;
  const bool small_first = ratio < 1;
  notes.push_back((small_first ? first.title : second.title) + " is " +
                  std::to_string(std::lround(small_first ? 1 / ratio : ratio)) +
                  " times smaller than " + (small_first ? second.title : first.title) +
                  ": the same unit?");
}

}  // namespace

Scene make_scene(const io::Cloud& cloud, const std::string& title, int up) {
  check_up(up);
  Scene scene;
  scene.up = up;
  scene.panels.push_back(make_panel(cloud, title, {up, {}, {}}, scene.notes));
  return scene;
}

Scene make_scene(const io::Cloud& first,
                 const std::string& first_title,
                 const io::Cloud& second,
                 const std::string& second_title,
                 int up) {
  check_up(up);
  Scene scene;
  scene.up = up;
  // A file of plain numbers is read with the names of the other one.
  std::map<int64_t, Part> parts = names_in(first.comments).parts;
  parts.merge(names_in(second.comments).parts);
  const Panel left = make_panel(first, first_title, {up, parts, {}}, scene.notes);
  std::vector<std::string> notes;
  Panel right = make_panel(second, second_title, {up, parts, {}}, notes);
  if (far_apart(left, right)) {
    notes.push_back("the two clouds are far apart: each is shown about its own middle");
  } else {
    notes.clear();
    right = make_panel(second, second_title, {up, parts, left.origin}, notes);
  }
  scene.notes.insert(scene.notes.end(), notes.begin(), notes.end());
  note_scale(left, right, scene.notes);
  scene.panels = {left, std::move(right)};
  if (left.label.defined() && scene.panels[1].label.defined() &&
      left.rows.equal(scene.panels[1].rows)) {
    const Coloring wrong = color_wrong(left.label.ne(scene.panels[1].label));
    // After the labels.
    for (Panel& panel : scene.panels) panel.colorings.insert(panel.colorings.begin() + 1, wrong);
  }
  return scene;
}

}  // namespace pointattn::view
