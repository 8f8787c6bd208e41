// SPDX-License-Identifier: Apache-2.0
#include "apps/training.h"
#include "apps/weights.h"
#include "datasets/captions.h"
#include "pointattn/retrieval/trainer.h"

#include <memory>
#include <optional>

namespace pointattn::apps {
namespace {

constexpr int64_t kGeneratedCaptions = 8;

struct Settings {
  Shared shared;
  retrieval::RetrievalTrainOptions options;
  std::string captions;
  std::vector<std::filesystem::path> cuboids;
  int64_t generated = 0;
  std::string guide;
  train::TrainRun where;
};

int run(Settings& settings) {
  start(settings.shared);
  settings.options.seed = settings.shared.seed;
  settings.options.network.shape.whole = settings.options.network.score.whole;
  settings.options.network.text.whole = settings.options.network.score.whole;
  train::CaptionedShapesPtr data = datasets::open_captions(settings.captions, settings.cuboids);
  if (settings.generated > 0) {
    data = datasets::join_captions(
        data,
        datasets::generated_captions(settings.generated, kGeneratedCaptions, settings.shared.seed));
  }
  std::optional<models::Segmenter> guide;
  if (!settings.guide.empty()) {
    guide.emplace(load_weights(settings.guide, models::Task::kSegment, at::kCPU));
    settings.options.guide = std::filesystem::path(settings.guide).filename().string();
  }
  settings.where.provenance = provenance(settings.captions);
  return report_result(settings.where,
                       retrieval::train_retrieval(*data,
                                                  settings.options,
                                                  guide ? &*guide : nullptr,
                                                  settings.where,
                                                  training_events(settings.shared)));
}

std::string kinds_of_scores() {
  std::string text = "Scores:";
  for (const matching::ScoreKind& kind : matching::score_kinds()) {
    text += "\n  " + kind.name + "  " + kind.description;
  }
  return text;
}

void add_network(CLI::App& app, retrieval::RetrievalTrainOptions& options) {
  const auto add = [&app](const char* name, auto& field, const char* help) {
    app.add_option(name, field, help)->capture_default_str()->group("Network");
  };
  retrieval::RetrievalOptions& network = options.network;
  add("--parts", network.shape.parts, "Part embeddings of a shape, gathered by attention");
  add("--heads", network.shape.heads, "Heads of the attention among parts; 0 leaves it out");
  add("--patches",
      network.shape.patches,
      "Patches of neighbouring points that the attention layers look at; 0: at single points");
  add("--neighbors", network.shape.neighbors, "Points of a patch");
  add("--channels", network.shape.channels, "Channels of the attention layers");
  add("--features", network.shape.features, "Features of a point");
  add("--hops", network.text.hops, "Phrase embeddings of a sentence, gathered by attention");
  add("--text-hidden", network.text.hidden, "State of the LSTM in each direction");
  add("--width", network.width, "Numbers of an embedding");
  add("--score", network.score.kind, "How phrases and parts are compared (below)");
  app.add_flag("--whole,!--no-whole",
               network.score.whole,
               "The whole of each side, its maximum, joins them and is compared with the other's")
      ->group("Network");
}

}  // namespace

Subcommand add_train_retrieval(CLI::App& parent) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* app = parent.add_subcommand(
      "retrieval", "Train a network that finds shapes by words, and words by shapes");
  app->add_option("--captions",
                  settings->captions,
                  "Sentences: a tab-separated table with the columns partnet_anno_id and caption")
      ->required()
      ->type_name("FILE");
  app->add_option("--cuboids",
                  settings->cuboids,
                  "Shapes: tables of boxes with the columns partnet_anno_id, group, cx cy cz, "
                  "dx dy dz, rx ry rz, tx ty tz, fx fy fz; several may be given")
      ->required()
      ->type_name("FILE");
  app->add_option("--generated",
                  settings->generated,
                  "Generated objects of all kinds, with sentences by rule, that join them")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000}))
      ->capture_default_str();
  app->add_option("--guide",
                  settings->guide,
                  "Part-segmentation model whose parts get a row each of the part attention")
      ->type_name("FILE");
  add_run(*app, settings->where);
  add_network(*app, settings->options);
  add_loop_options(*app, settings->options);
  const auto add = [&](const char* name, auto& field, const char* help) {
    return app->add_option(name, field, help)->capture_default_str()->group("Training");
  };
  add("--points", settings->options.points, "Points of a shape in each step");
  add("--pool", settings->options.pool, "Points of a shape that they are drawn from");
  add("--captions-per-shape", settings->options.captions, "Captions of a shape in each epoch");
  add("--loss", settings->options.loss, "infonce with a learned temperature, or semi-hard triplet")
      ->check(CLI::IsMember({"infonce", "triplet"}));
  add("--margin", settings->options.margin, "Of the triplet loss");
  add("--part-penalty", settings->options.part_penalty, "Weight of the overlap among parts");
  add("--text-penalty", settings->options.text_penalty, "Weight of the overlap among phrases");
  add("--teacher",
      settings->options.teacher,
      "Weight of what the true parts teach: an encoder of the shapes' boxes, for training alone");
  add("--min-count", settings->options.min_count, "Rarer words have their n-grams only");
  add("--hold-out", settings->options.hold_out, "Shapes kept aside to choose the best epoch");
  add_augmentation(*app, settings->options.augment);
  settings->shared.seed = settings->options.seed;
  settings->shared.device = "cpu";
  add_shared(*app, settings->shared, false);
  app->footer(kinds_of_scores() + "\n" + kRunFooter);
  return {app, [settings] { return run(*settings); }};
}

}  // namespace pointattn::apps
