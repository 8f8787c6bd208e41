// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/segment_plan.h"
#include "apps/segment_report.h"
#include "apps/show.h"
#include "apps/weights.h"

#include <c10/util/Exception.h>

#include <chrono>
#include <memory>
#include <optional>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  FileRequest files;
  ShowOptions show;
  std::string category = "auto";
  std::string json;
  std::string weights;
  int64_t points = models::SegmentOptions{}.points;
  int64_t mesh_points = 20000;
  bool keep_colors = false;
  bool bfloat16 = false;
};

/// When the program chose the category itself and another one is near, says so.
void note_doubt(models::Segmentation& result, const LabelMap& labels) {
  const std::vector<double>& probability = result.category_probabilities;
  if (probability.size() < 2 || result.category_confidence >= 0.5) return;
  size_t second = result.category == 0 ? 1 : 0;
  for (size_t c = 0; c < probability.size(); ++c) {
    if (static_cast<int64_t>(c) != result.category && probability[c] > probability[second])
      second = c;
  }
  result.notes.push_back(
      "not sure of the category: " + labels.categories[static_cast<size_t>(result.category)].name +
      " " + percent(result.category_confidence) + ", " + labels.categories[second].name + " " +
      percent(probability[second]) + "; --category NAME settles it");
}

Outcome segment_file(const FileTask& task,
                     const Settings& settings,
                     io::Encoding encoding,
                     const models::Segmenter& segmenter,
                     int64_t category,
                     const ShowOptions& show) {
  const auto begin = std::chrono::steady_clock::now();
  io::Cloud cloud = io::read_cloud(task.input);
  std::string mesh_note;
  if (cloud.triangles.defined() && cloud.triangles.size(0) > 0) {
    mesh_note = "a mesh of " + std::to_string(cloud.triangles.size(0)) +
                " triangles: " + std::to_string(settings.mesh_points) +
                " points drawn from its surface";
    cloud = io::sample_mesh(cloud, settings.mesh_points, settings.shared.seed);
  }
  Outcome outcome;
  outcome.task = task;
  outcome.result = segmenter.segment(cloud.xyz(), {category, settings.points, up_axis(show)});
  const LabelMap& labels = segmenter.model().spec.labels;
  if (!mesh_note.empty()) outcome.result.notes.insert(outcome.result.notes.begin(), mesh_note);
  note_doubt(outcome.result, labels);
  outcome.category = labels.categories[static_cast<size_t>(outcome.result.category)];
  outcome.parts = found_parts(outcome.result, outcome.category);
  add_segmentation(cloud,
                   outcome.result,
                   outcome.category,
                   task.output.extension() == ".pcd",
                   settings.keep_colors);
  io::write_cloud(task.output, cloud, encoding);
  if (!task.labels.empty()) write_labels(task.labels, outcome.result.label);
  if (!task.legend.empty()) write_legend(task.legend, outcome.parts, outcome.category);
  if (show.anything()) {
    outcome.scene = view::make_scene(cloud, task.input.filename().string(), up_axis(show));
    outcome.pictures = write_pictures(*outcome.scene, show, [&](const std::string& text) {
      outcome.result.notes.push_back(text);
    });
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return outcome;
}

int run(const Settings& settings) {
  const bool several = settings.files.inputs.size() > 1 ||
                       std::filesystem::is_directory(settings.files.inputs.front());
  check_show(settings.show, several);
  const at::Device device = start(settings.shared);
  const Plan plan = plan_files(settings.files);
  const models::Segmenter segmenter(
      load_weights(weights_path(settings.weights), models::Task::kSegment, device),
      precision_of(settings.bfloat16));
  const int64_t category = settings.category == "auto"
                               ? models::kUnknownCategory
                               : segmenter.model().spec.labels.category_id(settings.category);
  std::optional<view::Scene> shown;
  Reporter reporter(settings.json, settings.shared.quiet);
  for (const std::string& note : plan.notes) reporter.note(note);
  for (const FileTask& task : plan.tasks) {
    std::optional<Outcome> outcome;
    try {
      const ShowOptions show =
          several ? in_folders(settings.show, task.output.stem().string()) : settings.show;
      outcome = segment_file(task, settings, plan.encoding, segmenter, category, show);
    } catch (const std::exception& error) {
      reporter.failed(task, error);
      continue;
    }
    reporter.done(*outcome);
    if (settings.show.window) shown = std::move(outcome->scene);
  }
  const int code = reporter.finish();
  // Last: the summary is there also where no window can be opened.
  if (shown) open_window(*shown, settings.show);
  return code;
}

}  // namespace

Run setup_segment(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.add_option("CLOUD",
                 settings->files.inputs,
                 "Clouds (.pcd .ply .xyz .txt .pts .asc .csv), meshes (.off .obj .stl .ply; their "
                 "surface is sampled) and folders of them")
      ->required();
  app.add_option("-o,--output",
                 settings->files.output,
                 "Labelled cloud: a .ply or .pcd file for one input, a folder for several. "
                 "Default: <name>_parts.ply in the current "
                 "folder. An older result is replaced, an input never")
      ->type_name("OUT");
  app.add_option("-c,--category",
                 settings->category,
                 "What the cloud shows; auto finds it and says how sure it is")
      ->type_name("NAME|auto")
      ->capture_default_str();
  app.add_option(
         "--labels",
         settings->files.labels,
         "Also one part id a line, in the order of the points (a folder for several inputs)")
      ->type_name("OUT.txt");
  app.add_option(
         "--legend",
         settings->files.legend,
         "Also what the ids mean: a table with a line for every part of the category, "
         "separated by tabs: id, category, part, color, points, share (a folder for several "
         "inputs)")
      ->type_name("OUT.tsv");
  app.add_option("--json",
                 settings->json,
                 "Summary as JSON, one line a file; - for stdout, in place of the text")
      ->type_name("FILE");
  app.add_option("--weights",
                 settings->weights,
                 "Model file. Default: $POINTATTN_WEIGHTS, else weights/psb_parts.safetensors of "
                 "the source tree")
      ->type_name("FILE");
  app.add_option("--format", settings->files.format, "Format of the results, when -o does not tell")
      ->check(CLI::IsMember({"ply", "pcd"}));
  settings->files.encoding = "binary";
  app.add_option(
         "--encoding", settings->files.encoding, "How results are written; compressed is for PCD")
      ->check(CLI::IsMember({"ascii", "binary", "compressed"}))
      ->capture_default_str();
  app.add_option("--points",
                 settings->points,
                 "Points that the network sees; the rest takes its labels from them")
      ->check(CLI::Range(int64_t{1}, int64_t{65536}))
      ->capture_default_str();
  app.add_option("--mesh-points", settings->mesh_points, "Points drawn from a mesh")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->capture_default_str();
  add_bfloat16(app, settings->bfloat16);
  app.add_flag("--keep-colors",
               settings->keep_colors,
               "Leave the colours of a coloured input alone. Without it the part colours take "
               "their place and the old ones are kept as "
               "orig_red, orig_green, orig_blue or orig_rgb");
  app.add_flag("--view", settings->show.window, "Open a window on the result")->group("Look");
  add_show(app, settings->show);
  add_shared(app, settings->shared);
  app.footer(
      "Every field of the input is kept; label (int32), confidence (float32) and the part colours "
      "are added, and comments that name "
      "the parts. Points stay in their order. For several inputs --screenshot, --turntable and "
      "--html name folders. A file that cannot be read gets one line on stderr, "
      "the others go on, and the exit "
      "code is 1.");
  return [settings] { return run(*settings); };
}

}  // namespace pointattn::apps
