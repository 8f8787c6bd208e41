// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/page.h"

#include "pointattn/core/files.h"
#include "pointattn/core/html.h"
#include "pointattn/view/numbers.h"
#include "pointattn/view/page_html.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace pointattn::view {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostTriangles = 600'000;
constexpr size_t kMostColorings = 12;

std::string base64(const at::Tensor& values) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const at::Tensor whole = values.contiguous();
  const auto* byte = static_cast<const uint8_t*>(whole.const_data_ptr());
  const auto size = static_cast<size_t>(whole.nbytes());
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = std::min<size_t>(3, size - i);
    uint32_t three = 0;
    for (size_t k = 0; k < 3; ++k) three = three << 8 | (k < left ? byte[i + k] : 0U);
    for (size_t k = 0; k < 4; ++k) text += k <= left ? kDigits[three >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

/// Little-endian 16-bit numbers of [N,3] coordinates over their box.
at::Tensor quantised(const at::Tensor& xyz, const at::Tensor& low, const at::Tensor& extent) {
  const at::Tensor share = (xyz - low) / extent.clamp_min(1e-30);
  return (share * 65535).round().clamp(0, 65535).to(at::kInt).to(at::kUInt16);
}

std::vector<double> list(const at::Tensor& values) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < values.numel(); ++i) numbers.push_back(values[i].item<double>());
  return numbers;
}

Json to_json(const Coloring& coloring, const at::Tensor& kept) {
  Json json = {{"name", coloring.name}, {"title", coloring.legend.title}};
  json["entries"] = Json::array();
  for (const LegendEntry& entry : coloring.legend.entries)
    json["entries"].push_back(
        {{"name", entry.name}, {"color", hex(entry.color)}, {"share", percent(entry.share)}});
  if (coloring.legend.ramp) {
    const std::vector<Tick> ends = ticks(coloring.legend.ramp->low, coloring.legend.ramp->high, 2);
    json["ramp"] = {ends.front().text, ends.back().text};
  }
  if (coloring.entry.defined()) {
    json["entry"] = base64(coloring.entry.index_select(0, kept).to(at::kUInt16));
  } else {
    json["rgb"] = base64(coloring.rgb.index_select(0, kept));
  }
  return json;
}

/// Labels as places in a list of names.
void add_labels(Json& json, const Panel& panel, const at::Tensor& kept) {
  const Coloring* coloring = panel.find("label");
  if (!coloring || !coloring->entry.defined()) return;
  json["label"] = base64(coloring->entry.index_select(0, kept).to(at::kUInt16));
  json["names"] = Json::array();
  for (const LegendEntry& entry : coloring->legend.entries) json["names"].push_back(entry.name);
}

Json to_json(const Panel& panel, const at::Tensor& kept, const std::string& by) {
  const int64_t points = kept.numel();
  const at::Tensor xyz = panel.xyz.index_select(0, kept);
  at::Tensor low = at::zeros({3}, at::kFloat);
  at::Tensor extent = at::ones({3}, at::kFloat);
  if (points > 0) {
    const auto [least, most] = xyz.aminmax(0);
    low = least;
    extent = most - least;
  }
  // Thinned points lie farther apart.
  const double thinned =
      points > 0 ? static_cast<double>(panel.points()) / static_cast<double>(points) : 1;
  Json json = {
      {"title", panel.title},
      {"subtitle", thousands(panel.points()) + (panel.points() == 1 ? " point" : " points")},
      {"points", points},
      {"origin", panel.origin},
      {"low", list(low)},
      {"extent", list(extent)},
      {"spacing", panel.spacing * std::sqrt(thinned)},
      {"position", base64(quantised(xyz, low, extent))}};
  const at::Tensor rows = panel.rows.index_select(0, kept);
  if (!rows.equal(at::arange(points, at::kLong))) json["rows"] = base64(rows.to(at::kInt));
  if (panel.triangles.defined() && points == panel.points() && panel.triangles.size(0) > 0 &&
      panel.triangles.size(0) <= kMostTriangles)
    json["triangles"] = base64(panel.triangles.to(at::kInt));
  if (panel.confidence.defined()) {
    const at::Tensor share = panel.confidence.index_select(0, kept).nan_to_num(0).clamp(0, 1);
    json["confidence"] = base64((share * 255).round().to(at::kByte));
  }
  add_labels(json, panel, kept);
  json["colorings"] = Json::array();
  for (size_t i = 0; i < panel.colorings.size(); ++i) {
    if (i < kMostColorings || panel.colorings[i].name == by)
      json["colorings"].push_back(to_json(panel.colorings[i], kept));
  }
  return json;
}

}  // namespace

std::string write_page(const std::filesystem::path& path,
                       const Scene& scene,
                       const std::string& by,
                       const std::optional<Camera>& from,
                       int64_t max_points) {
  TORCH_CHECK_VALUE(max_points >= 1 && !scene.panels.empty(),
                    "page: expected a panel and at least one point, got ",
                    scene.panels.size(),
                    " panels, ",
                    max_points,
                    " points");
  std::vector<std::string> notes = scene.notes;
  std::string left_out;
  const Camera camera = from ? *from : fit(scene, 1);
  const double extent = bounds(scene).diagonal();
  const double size = extent > 0 ? extent : 1;
  Json json = {
      {"by", by},
      {"size", size},
      {"decimals", std::clamp(static_cast<int>(std::ceil(4.5 - std::log10(size))), 0, 12)},
      {"camera",
       {{"eye", camera.eye}, {"target", camera.target}, {"up", camera.up}, {"fov", camera.fov}}},
      {"ramp", Json::array()},
      {"panels", Json::array()}};
  for (int stop = 0; stop <= 16; ++stop) json["ramp"].push_back(hex(ramp_color(stop / 16.0)));
  for (const Panel& panel : scene.panels) {
    const int64_t points = panel.points();
    const int64_t count = std::min(points, max_points);
    // An even share: every (points / count)-th.
    const at::Tensor kept =
        (at::arange(count, at::kDouble) *
         (static_cast<double>(points) / static_cast<double>(std::max<int64_t>(count, 1))))
            .to(at::kLong);
    if (count < points) {
      notes.push_back(panel.title + ": the page shows " + thousands(count) + " of " +
                      thousands(points) + " points");
      left_out += (left_out.empty() ? "" : "; ") + notes.back();
    }
    json["panels"].push_back(to_json(panel, kept, by));
  }
  json["notes"] = notes;
  const std::string page = fill_page(kPageHtml,
                                     {{"title", html_text(scene.panels.front().title)},
                                      {"data", script_json(json.dump(-1, ' ', true))}});
  write_file(path, [&](std::ostream& out) { out << page; });
  return left_out;
}

}  // namespace pointattn::view
