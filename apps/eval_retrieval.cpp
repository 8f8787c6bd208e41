// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/retrieval_weights.h"
#include "datasets/captions.h"
#include "pointattn/retrieval/evaluate.h"
#include "pointattn/retrieval/model.h"

#include <cstdio>
#include <memory>
#include <numeric>
#include <optional>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  std::string captions;
  std::vector<std::filesystem::path> cuboids;
  std::string weights;
  std::string guide;
  std::string score;
  std::string json;
};

void print_direction(const char* name, const train::RankingFigures& figures) {
  std::printf("%-14s  %6.2f  %6.2f  %6.2f  %8.1f  %8.2f  %7lld\n",
              name,
              100 * figures.recall_at_1,
              100 * figures.recall_at_5,
              100 * figures.recall_at_10,
              figures.median_rank,
              100 * figures.ndcg_at_5,
              static_cast<long long>(figures.queries));
}

int run(const Settings& settings) {
  start(settings.shared);
  retrieval::RetrievalModel model =
      retrieval::load_retrieval_model(retrieval_weights_path(settings.weights));
  matching::ScoreOptions score = model.options.score;
  if (!settings.score.empty()) score.kind = settings.score;
  const train::CaptionedShapesPtr data =
      datasets::open_captions(settings.captions, settings.cuboids);
  const std::optional<models::Segmenter> guide = load_guide(model, settings.guide);
  const retrieval::ShapePools pools = retrieval::make_shape_pools(*data,
                                                                  model.points,
                                                                  settings.shared.seed,
                                                                  guide ? &*guide : nullptr,
                                                                  model.options.shape.parts);
  std::vector<int64_t> shapes(static_cast<size_t>(data->size()));
  std::iota(shapes.begin(), shapes.end(), int64_t{0});
  const train::RetrievalFigures figures = retrieval::evaluate_retrieval(
      model.network, *model.vocabulary, *data, pools, shapes, model.points, score);
  if (settings.json != "-") {
    std::printf("                    R@1     R@5    R@10    median  nDCG@5/%%  queries\n");
    print_direction("text to shape", figures.text_to_shape);
    print_direction("shape to text", figures.shape_to_text);
    std::printf("%lld shapes, %lld captions\n",
                static_cast<long long>(figures.shapes),
                static_cast<long long>(figures.captions));
    std::fflush(stdout);
  }
  if (!settings.json.empty()) put_json(settings.json, train::to_json(figures).dump(2));
  return 0;
}

}  // namespace

Subcommand add_eval_retrieval(CLI::App& parent) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* app = parent.add_subcommand(
      "retrieval", "Recall, median rank and nDCG of a retrieval model, in both directions");
  app->add_option("--captions",
                  settings->captions,
                  "Sentences: a tab-separated table with the columns partnet_anno_id and caption")
      ->required()
      ->type_name("FILE");
  app->add_option("--cuboids", settings->cuboids, "Shapes: tables of boxes, as for train retrieval")
      ->required()
      ->type_name("FILE");
  app->add_option(
         "--weights",
         settings->weights,
         "Model file. Default: weights/retrieval.safetensors, or POINTATTN_RETRIEVAL_WEIGHTS")
      ->type_name("FILE");
  add_guide(*app, settings->guide);
  std::vector<std::string> kinds;
  for (const matching::ScoreKind& kind : matching::score_kinds()) kinds.push_back(kind.name);
  app->add_option(
         "--score", settings->score, "Compare in another way than the model was trained for")
      ->check(CLI::IsMember(kinds));
  app->add_option(
         "--json", settings->json, "The figures as JSON; - for stdout, in place of the text")
      ->type_name("FILE");
  settings->shared.device = "cpu";
  add_shared(*app, settings->shared, false);
  return {app, [settings] { return run(*settings); }};
}

}  // namespace pointattn::apps
