// SPDX-License-Identifier: Apache-2.0
#include "apps/show.h"

#include "apps/cli.h"
#include "pointattn/core/closest.h"
#include "pointattn/view/animation.h"
#include "pointattn/view/page.h"
#include "pointattn/view/picture.h"
#include "pointattn/view/viewer.h"

#include <c10/util/Exception.h>

#include <charconv>
#include <optional>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

struct Size {
  int64_t width = 0;
  int64_t height = 0;
};

Size size_of(const std::string& text, Size otherwise) {
  if (text.empty()) return otherwise;
  Size size;
  const char* end = text.data() + text.size();
  const auto [cross, bad_width] = std::from_chars(text.data(), end, size.width);
  const bool parted = bad_width == std::errc() && cross != end && *cross == 'x';
  const bool whole = parted && std::from_chars(cross + 1, end, size.height).ptr == end;
  if (!whole || size.width < 64 || size.width > 16384 || size.height < 64 || size.height > 16384)
    throw UsageError("--size " + text + ": expected WIDTHxHEIGHT, 64x64 to 16384x16384");
  return size;
}

void check_folder(const char* option, const std::string& path) {
  if (path.empty() || fs::is_directory(path)) return;
  if (fs::exists(path) || (!path.ends_with("/") && fs::path(path).has_extension()))
    throw UsageError(std::string(option) + " " + path +
                     ": expected a folder for several inputs, got a file");
}

/// Throws UsageError unless some panel has the colouring that --by names.
void check_by(const view::Scene& scene, const std::string& by) {
  if (by.empty()) return;
  std::vector<std::string> known;
  for (const view::Panel& panel : scene.panels) {
    if (panel.find(by)) return;
    for (const view::Coloring& coloring : panel.colorings) known.push_back(coloring.name);
  }
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  const std::string near = closest(by, known);
  throw UsageError("--by " + by + ": expected one of " + list +
                   (near.empty() ? "" : "; did you mean " + near + "?"));
}

/// Draws one scene for its options.
class Pictures {
 public:
  Pictures(const view::Scene& scene, const ShowOptions& options)
      : scene_(scene), options_(options) {}

  std::vector<std::string> write(const std::function<void(const std::string&)>& note) {
    if (!options_.screenshot.empty()) {
      const view::PictureOptions picture = picture_of({1280, 960});
      const bool sheet = options_.views > 1;
      const view::Camera first = camera(view::panel_aspect(scene_, picture, options_.views), sheet);
      view::write_png(options_.screenshot,
                      view::draw_picture(scene_, view::ring(first, options_.views), picture));
      written_.push_back(options_.screenshot);
      save(first);
    }
    if (!options_.turntable.empty()) {
      view::TurntableOptions turntable;
      turntable.picture = picture_of({turntable.picture.width, turntable.picture.height});
      const view::Camera first = camera(view::panel_aspect(scene_, turntable.picture), true);
      view::write_turntable(options_.turntable, scene_, first, turntable);
      written_.push_back(options_.turntable);
      save(first);
    }
    if (!options_.html.empty()) {
      const view::Camera first = camera(1, false);
      const std::string left_out = view::write_page(options_.html, scene_, options_.by, first);
      if (!left_out.empty()) note(left_out);
      written_.push_back(options_.html);
      save(first);
    }
    return written_;
  }

 private:
  view::PictureOptions picture_of(Size otherwise) const {
    const Size size = size_of(options_.size, otherwise);
    view::PictureOptions picture;
    picture.by = options_.by;
    picture.width = size.width;
    picture.height = size.height;
    picture.point_size = options_.point_size;
    return picture;
  }

  view::Camera camera(double aspect, bool all_around) const {
    if (!options_.load_view.empty()) return view::load_view(options_.load_view, scene_);
    return view::fit(scene_, aspect, 35, 20, all_around);
  }

  /// The camera of the first picture.
  void save(const view::Camera& camera) {
    if (options_.save_view.empty() || saved_) return;
    view::save_view(options_.save_view, camera, scene_);
    saved_ = true;
    written_.push_back(options_.save_view);
  }

  const view::Scene& scene_;
  const ShowOptions& options_;
  std::vector<std::string> written_;
  bool saved_ = false;
};

}  // namespace

void add_show(CLI::App& app, ShowOptions& options, bool with_up) {
  const char* group = "Look";
  app.add_option("--screenshot", options.screenshot, "Picture with legend; needs no display")
      ->type_name("OUT.png")
      ->group(group);
  app.add_option("--views", options.views, "Views around the object in the screenshot")
      ->check(CLI::Range(int64_t{1}, int64_t{64}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--turntable",
                 options.turntable,
                 "The object once around, animated; .mp4 needs ffmpeg on PATH")
      ->type_name("OUT.gif|OUT.mp4")
      ->group(group);
  app.add_option("--html",
                 options.html,
                 "A page to turn the cloud with the mouse; one file, needs no network")
      ->type_name("OUT.html")
      ->group(group);
  app.add_option(
         "--by",
         options.by,
         "What colours the points: label, color (the file's own), confidence, height, wrong "
         "(two clouds), or a field of the file. Default: the first that there is")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--size",
                 options.size,
                 "Pixels of picture or window. Default: 1280x960, turntable 640x480")
      ->type_name("WxH")
      ->group(group);
  app.add_option(
         "--point-size", options.point_size, "Diameter of a point in pixels; 0 suits the cloud")
      ->check(CLI::Range(0.0, 200.0))
      ->capture_default_str()
      ->group(group);
  if (with_up) {
    app.add_option("--up", options.up, "Axis of the cloud that points upwards")
        ->check(CLI::IsMember({"x", "y", "z"}))
        ->capture_default_str()
        ->group(group);
  }
  app.add_option("--save-view", options.save_view, "Where the camera is saved")
      ->type_name("FILE.json")
      ->group(group);
  app.add_option("--load-view", options.load_view, "A saved camera to look from")
      ->type_name("FILE.json")
      ->group(group);
}

void check_ending(const char* option,
                  const std::string& path,
                  const std::vector<std::string>& endings) {
  if (path.empty()) return;
  std::string list;
  for (const std::string& ending : endings) {
    if (lower(fs::path(path).extension().string()) == ending) return;
    list += (list.empty() ? "" : " or ") + ending;
  }
  throw UsageError(std::string(option) + " " + path + ": expected a name that ends in " + list);
}

void check_show(const ShowOptions& options, bool several) {
  size_of(options.size, {});
  if (several) {
    if (options.window) throw UsageError("--view: expected one input for a window, got several");
    if (!options.save_view.empty())
      throw UsageError("--save-view: expected one input, got several");
    check_folder("--screenshot", options.screenshot);
    check_folder("--turntable", options.turntable);
    check_folder("--html", options.html);
    return;
  }
  check_ending("--screenshot", options.screenshot, {".png"});
  check_ending("--turntable", options.turntable, {".gif", ".mp4"});
  check_ending("--html", options.html, {".html", ".htm"});
}

ShowOptions in_folders(ShowOptions options, const std::string& stem) {
  const auto place = [&](std::string& path, const char* ending) {
    if (path.empty()) return;
    std::error_code error;
    fs::create_directories(path, error);
    TORCH_CHECK(!error, "cannot make folder ", path, ": ", error.message());
    path = (fs::path(path) / (stem + ending)).string();
  };
  place(options.screenshot, ".png");
  place(options.turntable, ".gif");
  place(options.html, ".html");
  return options;
}

int up_axis(const ShowOptions& options) { return options.up[0] - 'x'; }

std::vector<std::string> write_pictures(const view::Scene& scene,
                                        const ShowOptions& options,
                                        const std::function<void(const std::string&)>& note) {
  check_by(scene, options.by);
  for (const std::string& text : scene.notes) note(text);
  return Pictures(scene, options).write(note);
}

void open_window(const view::Scene& scene, const ShowOptions& options) {
  check_by(scene, options.by);
  const Size size = size_of(options.size, {1280, 960});
  view::ViewOptions view;
  view.title = "pointattn: " + scene.panels.front().title;
  view.by = options.by;
  view.width = static_cast<int>(size.width);
  view.height = static_cast<int>(size.height);
  view.point_size = options.point_size;
  if (!options.load_view.empty()) view.camera = view::load_view(options.load_view, scene);
  view.save_view = options.save_view;
  view::make_viewer()->show(scene, view);
}

}  // namespace pointattn::apps
