// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/show.h"
#include "pointattn/core/files.h"
#include "pointattn/io/cloud.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

struct Settings {
  Shared shared;
  ShowOptions show;
  std::vector<std::string> inputs;
  std::string truth;
};

/// The lines of a file as ids, when it holds one integer a line; else undefined.
at::Tensor plain_labels(const fs::path& path) {
  if (path.extension() == ".ply" || path.extension() == ".pcd") return {};
  const std::string text = read_file(path);
  std::vector<int64_t> ids;
  const char* at = text.data();
  const char* end = at + text.size();
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (at != end) {
    int64_t id = 0;
    const auto [rest, error] = std::from_chars(at, end, id);
    if (error != std::errc()) return {};
    ids.push_back(id);
    at = std::find_if_not(rest, end, blank);
    if (at != end && *at != '\n') return {};
    at = std::find_if_not(at, end, [&](char c) { return c == '\n' || blank(c); });
  }
  return at::tensor(ids, at::kLong);
}

/// A cloud with the true labels: a cloud file, or one id a line for the points of `cloud`.
io::Cloud read_truth(const fs::path& path, const io::Cloud& cloud) {
  const at::Tensor ids = plain_labels(path);
  if (!ids.defined()) {
    io::Cloud truth = io::read_cloud(path);
    TORCH_CHECK(truth.find("label"), path.string(), ": expected a field label, as the truth");
    return truth;
  }
  TORCH_CHECK(ids.numel() == cloud.points(),
              path.string(),
              ": expected ",
              cloud.points(),
              " labels, one for each point, got ",
              ids.numel());
  io::Cloud truth;
  const at::Tensor xyz = cloud.xyz();
  const char* axes[] = {"x", "y", "z"};
  for (int64_t axis = 0; axis < 3; ++axis) truth.set(axes[axis], xyz.select(1, axis).contiguous());
  truth.triangles = cloud.triangles;
  truth.set("label", ids);
  return truth;
}

std::string title_of(const std::string& path) { return fs::path(path).filename().string(); }

view::Scene scene_of(const Settings& settings) {
  const int up = up_axis(settings.show);
  const io::Cloud first = io::read_cloud(settings.inputs.front());
  const std::string title = title_of(settings.inputs.front());
  if (!settings.truth.empty()) {
    view::Scene scene = view::make_scene(
        first, title, read_truth(settings.truth, first), "truth: " + title_of(settings.truth), up);
    // The comparison is what was asked for: it comes first on the side of the prediction.
    std::vector<view::Coloring>& left = scene.panels.front().colorings;
    const auto wrong = std::find_if(
        left.begin(), left.end(), [](const view::Coloring& c) { return c.name == "wrong"; });
    TORCH_CHECK(wrong != left.end(),
                settings.inputs.front(),
                ": expected labels for the same points as ",
                settings.truth,
                " to compare them");
    std::rotate(left.begin(), wrong, wrong + 1);
    return scene;
  }
  if (settings.inputs.size() == 1) return view::make_scene(first, title, up);
  const std::string& second = settings.inputs.back();
  return view::make_scene(first, title, io::read_cloud(second), title_of(second), up);
}

int run(Settings& settings) {
  start(settings.shared);
  if (settings.inputs.size() > (settings.truth.empty() ? 2U : 1U)) {
    throw UsageError(settings.truth.empty() ? "expected one cloud, or two to see side by side"
                                            : "--truth: expected one cloud to compare with it");
  }
  settings.show.window = !settings.show.pictures();
  check_show(settings.show, false);
  const auto note = [&](const std::string& text) {
    if (!settings.shared.quiet) std::cerr << "note: " << text << std::endl;
  };
  const view::Scene scene = scene_of(settings);
  for (const std::string& file : write_pictures(scene, settings.show, note))
    std::cout << "written: " << file << std::endl;
  if (settings.show.window) open_window(scene, settings.show);
  return 0;
}

}  // namespace

Run setup_view(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.add_option("CLOUD",
                 settings->inputs,
                 "A cloud or mesh, as `segment` left it or any other; two are shown side by side")
      ->required();
  app.add_option("--truth",
                 settings->truth,
                 "The true labels: a cloud with a field label, or one id a line; wrong points are "
                 "red, and the truth is shown beside")
      ->type_name("FILE");
  add_show(app, settings->show);
  add_shared(app, settings->shared, false);
  app.footer(
      "Without --screenshot, --turntable or --html a window opens and prints its keys: 1-9 and c\n"
      "colours, shift and click what a point is, v and l save and load the view, s a picture,\n"
      "q closes.\n"
      "Examples:\n"
      "  pointattn view chair_parts.ply --screenshot chair.png --views 4\n"
      "  pointattn view scan_parts.ply --by confidence --html scan.html\n"
      "  pointattn view before.ply after.ply --turntable both.gif");
  return [settings] { return run(*settings); };
}

}  // namespace pointattn::apps
