// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/cloud_files.h"
#include "apps/part_cloud.h"
#include "apps/retrieval_weights.h"
#include "apps/shape_input.h"
#include "pointattn/retrieval/gallery_writer.h"
#include "pointattn/view/camera.h"
#include "pointattn/view/canvas.h"
#include "pointattn/view/picture.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace pointattn::apps {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int64_t kThumbnail = 192;  // pixels a side

struct Settings {
  Shared shared;
  ShapeInput input;
  std::vector<std::string> inputs;
  std::string gallery;
  std::string weights;
  std::string guide;
  std::string attention;  ///< a folder
  std::string json;
  int64_t sketch_points = 400;
  bool thumbnails = false;
  bool names = true;
};

std::string thumbnail_of(const Shape& shape, const std::string& title, int up) {
  const view::Scene scene = view::make_scene(shape.cloud, title, up);
  view::PictureOptions picture;
  picture.width = kThumbnail;
  picture.height = kThumbnail;
  picture.legend = false;
  const view::Camera camera = view::fit(scene, view::panel_aspect(scene, picture));
  return view::png(view::draw_picture(scene, {camera}, picture));
}

/// What happened to the files, for people and for --json.
class Report {
 public:
  Report(const Settings& settings, size_t files)
      : settings_(settings),
        files_(files),
        progress_(!settings.shared.quiet && ::isatty(STDERR_FILENO)) {}

  void note(const std::string& text) {
    notes_.push_back(text);
    clear();
    if (!settings_.shared.quiet) std::cerr << "note: " << text << std::endl;
  }
  void failed(const fs::path& file, const std::exception& error) {
    std::string text = message_of(error);
    if (text.find(file.string()) == std::string::npos) text = file.string() + ": " + text;
    clear();
    print_error(text);
    failures_.push_back({{"file", file.string()}, {"error", text}});
    step();
  }
  void step() {
    ++done_;
    if (progress_) std::cerr << "\r" << done_ << " of " << files_ << " shapes" << std::flush;
  }
  int finish(int64_t added, int64_t shapes);

 private:
  void clear() const {
    if (progress_) std::cerr << "\r\033[K" << std::flush;
  }
  const Settings& settings_;
  size_t files_;
  size_t done_ = 0;
  bool progress_;
  Json notes_ = Json::array();
  Json failures_ = Json::array();
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int Report::finish(int64_t added, int64_t shapes) {
  clear();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (settings_.json != "-") {
    std::printf("%s: %lld shapes added in %.1f s, %lld in all\n",
                settings_.gallery.c_str(),
                static_cast<long long>(added),
                seconds,
                static_cast<long long>(shapes));
  }
  if (!settings_.json.empty()) {
    const Json json = {{"gallery", settings_.gallery},
                       {"added", added},
                       {"shapes", shapes},
                       {"failed", failures_},
                       {"notes", notes_},
                       {"seconds", seconds}};
    put_json(settings_.json, json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return failures_.empty() ? 0 : 1;
}

retrieval::GalleryEntry entry_of(const fs::path& file,
                                 const fs::path& attention,
                                 const Settings& settings,
                                 const retrieval::Encoder& encoder,
                                 Report& report) {
  const Shape shape = read_shape(file, settings.input, settings.shared.seed);
  const retrieval::ShapeEmbedding embedding = encoder.shape(shape.xyz);
  for (const std::string& text : embedding.notes) report.note(file.string() + ": " + text);
  if (!attention.empty()) {
    io::write_cloud(attention, attention_cloud(embedding), io::Encoding::kBinary);
  }
  retrieval::GalleryEntry entry;
  entry.name = file.string();
  entry.parts = embedding.parts;
  entry.part_names = embedding.part_names;
  retrieval::add_sketch(entry, embedding, settings.sketch_points);
  if (settings.thumbnails)
    entry.thumbnail = thumbnail_of(shape, file.filename().string(), up_axis(settings.input));
  return entry;
}

/// Where the attention of each file goes; empty paths without a folder for it.
std::vector<fs::path> attention_files(const std::string& folder,
                                      const std::vector<fs::path>& files) {
  std::vector<fs::path> results(files.size());
  if (folder.empty()) return results;
  ResultNames name(folder, ".ply");
  for (size_t i = 0; i < files.size(); ++i) {
    results[i] = name(files[i]);
    check_not_input(results[i], files);
  }
  make_folder(folder);
  return results;
}

int run(const Settings& settings) {
  start(settings.shared);
  std::vector<std::string> notes;
  const std::vector<fs::path> files = cloud_files(settings.inputs, notes);
  // A mistyped path makes no gallery.
  const bool any = std::any_of(
      files.begin(), files.end(), [](const fs::path& file) { return fs::exists(file); });
  TORCH_CHECK(any, "cannot read ", files.front().string(), ": no such file");
  const std::vector<fs::path> attention = attention_files(settings.attention, files);
  const retrieval::Encoder encoder = load_encoder(settings.weights, settings.guide, settings.names);
  retrieval::GalleryWriter writer(settings.gallery, encoder.identity());
  Report report(settings, files.size());
  for (const std::string& note : notes) report.note(note);
  for (size_t i = 0; i < files.size(); ++i) {
    try {
      writer.add(entry_of(files[i], attention[i], settings, encoder, report));
    } catch (const std::exception& error) {
      report.failed(files[i], error);
      continue;
    }
    report.step();
  }
  const int64_t added = writer.added();
  return report.finish(added, writer.commit());
}

}  // namespace

Run setup_embed(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.add_option("CLOUD",
                 settings->inputs,
                 "Clouds (.pcd .ply .xyz .txt .pts .asc .csv), meshes (.off .obj .stl .ply; their "
                 "surface is sampled) and folders of them")
      ->required();
  app.add_option("-o,--output",
                 settings->gallery,
                 "The gallery, a folder: made, or extended when it is there. A shape of the same "
                 "name is replaced")
      ->required()
      ->type_name("GALLERY");
  app.add_option("--weights",
                 settings->weights,
                 "Model file. Default: $POINTATTN_RETRIEVAL_WEIGHTS, else "
                 "weights/retrieval.safetensors of the source tree")
      ->type_name("FILE");
  add_guide(app, settings->guide);
  app.add_option("--sketch-points",
                 settings->sketch_points,
                 "Points of each shape that are kept to draw it; 0 keeps none")
      ->check(CLI::Range(int64_t{0}, int64_t{100'000}))
      ->capture_default_str();
  app.add_flag("--names,!--no-names",
               settings->names,
               "Let the part-segmentation model name the parts (the default); without names, "
               "shapes go in several times as fast");
  app.add_flag("--thumbnails", settings->thumbnails, "Keep a small picture of each shape too");
  app.add_option("--attention-ply",
                 settings->attention,
                 "Also a cloud <name>_parts.ply of the points that the network saw, with the part "
                 "that attends to each most as label and fields attention_1, attention_2 …, for "
                 "`pointattn view`")
      ->type_name("FOLDER");
  add_shape_input(app, settings->input);
  app.add_option("--json", settings->json, "Summary as JSON; - for stdout, in place of the text")
      ->type_name("FILE");
  add_shared(app, settings->shared, /*with_device=*/false);
  app.footer(
      "The gallery changes when all shapes are done; until then, and when the build is "
      "interrupted, it stays what it was. A file that cannot be read gets one line on stderr, the "
      "others go on, and the exit code is 1.");
  return [settings] { return run(*settings); };
}

}  // namespace pointattn::apps
