// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/search.h"

#include "apps/cli.h"
#include "apps/search_show.h"
#include "apps/show.h"
#include "pointattn/retrieval/part_names.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <functional>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  Shared shared;
  QueryRequest query;
  std::string gallery;
  std::string json;
  std::string explain;
  ShowOptions show;
  int64_t k = 10;
  bool exact = false;
};

/// A name of a file as one line of a terminal.
std::string one_line(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, '?');
  return name;
}

/// Which part of the shape each phrase met most.
Json met_parts(const Query& query, const retrieval::GalleryEntry& entry) {
  const at::Tensor weights =
      retrieval::correspondence(query.options, query.phrases, entry.parts);
  Json parts = Json::array();
  for (int64_t w = 0; w < weights.size(0); ++w) {
    const int64_t part = weights[w].argmax().item<int64_t>();
    parts.push_back({{"words", query.words[static_cast<size_t>(w)]},
                     {"part", retrieval::part_name(entry.part_names, part)},
                     {"weight", weights[w][part].item<double>()}});
  }
  return parts;
}

Json to_json(const retrieval::Gallery& gallery,
             const Query& query,
             const std::vector<retrieval::Hit>& hits) {
  Json list = Json::array();
  for (const retrieval::Hit& hit : hits) {
    list.push_back({{"id", gallery.name(hit.index)},
                    {"score", hit.score},
                    {"parts", met_parts(query, gallery.entry(hit.index))}});
  }
  return list;
}

/// Pages, pictures and the window that were asked for.
void show(const Settings& settings,
          const retrieval::Encoder& encoder,
          const retrieval::Gallery& gallery,
          const Query& query,
          const std::vector<retrieval::Hit>& hits,
          const std::function<void(const std::string&)>& note) {
  if (settings.explain.empty() && !settings.show.anything()) return;
  const size_t most = settings.explain.empty() ? kMostPanels : retrieval::kMostExplained;
  std::vector<FoundShape> found;
  for (size_t i = 0; i < std::min(hits.size(), most); ++i) {
    found.push_back(read_again(hits[i].score,
                               gallery.entry(hits[i].index),
                               encoder,
                               settings.query.input,
                               settings.shared.seed));
    if (!found.back().note.empty()) note(one_line(found.back().note));
  }
  if (!settings.explain.empty()) {
    retrieval::Explanation explanation = explain(query, found);
    explanation.found = static_cast<int64_t>(hits.size());
    explanation.subtitle = "The best " + std::to_string(hits.size()) + " of " +
                           std::to_string(gallery.size()) + " shapes in " + settings.gallery;
    retrieval::write_explanation(settings.explain, explanation);
  }
  if (!settings.show.anything()) return;
  const view::Scene scene = scene_of(query, found);
  write_pictures(scene, settings.show, note);
  if (settings.show.window) open_window(scene, settings.show);
}

int run(const Settings& settings) {
  check_query(settings.query);
  check_show(settings.show, /*several=*/false);
  check_ending("--explain", settings.explain, {".html", ".htm"});
  start(settings.shared);
  const auto note = [&](const std::string& text) {
    if (!settings.shared.quiet) std::cerr << "note: " << text << std::endl;
  };
  const retrieval::Gallery gallery(settings.gallery);
  const retrieval::Encoder encoder = load_encoder(settings.query.weights, settings.query.guide);
  gallery.expect(encoder.identity());
  Query query = make_query(encoder, settings.query, settings.shared.seed);
  for (const std::string& text : query.notes) note(text);
  query.options.exact = settings.exact;
  const std::vector<retrieval::Hit> hits =
      retrieval::search(gallery, query.phrases, settings.k, query.options);
  if (!settings.exact && !gallery.why_no_index().empty())
    note("all shapes were scored: " + gallery.why_no_index());
  if (settings.json != "-") {
    for (size_t i = 0; i < hits.size(); ++i) {
      std::printf(
          "%4zu  %7.4f  %s\n", i + 1, hits[i].score, one_line(gallery.name(hits[i].index)).c_str());
    }
  }
  if (!settings.json.empty()) {
    put_json(settings.json,
             to_json(gallery, query, hits).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  show(settings, encoder, gallery, query, hits, note);
  return 0;
}

}  // namespace

Run setup_search(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.add_option("GALLERY", settings->gallery, "A gallery that `pointattn embed` made")->required();
  app.add_option("TEXT", settings->query.text, "What is looked for, in words");
  app.add_option("-k", settings->k, "How many shapes are listed")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--like", settings->query.like, "A cloud or mesh in place of words")
      ->type_name("CLOUD");
  app.add_option(
         "--part",
         settings->query.part,
         "With --like: only the part of that name (or \"part 3\") counts; shapes are listed "
         "that have one like it")
      ->type_name("NAME");
  app.add_flag("--exact",
               settings->exact,
               "Score every shape, also where the gallery has an index that finds candidates");
  app.add_option(
         "--json",
         settings->json,
         "The list as JSON, with the part that each phrase met; - for stdout, in place of the text")
      ->type_name("FILE");
  app.add_option("--explain",
                 settings->explain,
                 "A page that shows why: the words coloured by the part that they met, each shape "
                 "in the same colours; one file, needs no network")
      ->type_name("OUT.html")
      ->group("Look");
  app.add_flag("--view", settings->show.window, "Open a window on the best shapes")->group("Look");
  add_show(app, settings->show, /*with_up=*/false);
  app.add_option("--weights",
                 settings->query.weights,
                 "Model file, the one that made the gallery. Default: "
                 "$POINTATTN_RETRIEVAL_WEIGHTS, else weights/retrieval.safetensors of the source "
                 "tree")
      ->type_name("FILE");
  add_guide(app, settings->query.guide);
  add_shape_input(app, settings->query.input);
  add_shared(app, settings->shared, /*with_device=*/false);
  app.footer(
      "Examples:\n"
      "  pointattn search shapes \"a chair with a round seat and four thin legs\"\n"
      "  pointattn search shapes --like chair.ply --part leg -k 5 --json -\n"
      "  pointattn search shapes \"a mug with a handle\" --explain why.html --screenshot best.png\n"
      "Pictures, pages and the window show the best three, coloured by part, by met (the share of "
      "the query that met the part) or by attention (how much the query attends to the point, 1 "
      "where it is an even share). The files of the shapes are read again for it, with the --up, "
      "--mesh-points and --seed that embed had; one that is gone or has changed gets a line on "
      "stderr and is drawn from the gallery's sketch.");
  return [settings] { return run(*settings); };
}

}  // namespace pointattn::apps
