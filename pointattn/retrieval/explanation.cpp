// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/explanation.h"

#include "pointattn/core/check.h"
#include "pointattn/core/files.h"
#include "pointattn/core/html.h"
#include "pointattn/core/labels.h"
#include "pointattn/retrieval/explanation_html.h"
#include "pointattn/retrieval/part_names.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace pointattn::retrieval {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kMostWords = 500;
constexpr int64_t kMostPoints = 1500;
constexpr double kSteps = 1000;  // of a coordinate from the middle of a sketch to its rim

void check_weights(const at::Tensor& weights, const char* name) {
  TORCH_CHECK_VALUE(weights.isfinite().all().item<bool>() && weights.ge(0).all().item<bool>(),
                    "explanation: expected finite weights of at least 0 in ",
                    name);
}

/// A stretch of the sentence: a word, or several that share bytes ("½" is "1" and "2").
struct Piece {
  size_t begin = 0;
  size_t end = 0;
};

struct Sentence {
  std::vector<Piece> pieces;
  at::Tensor attention;  ///< float64 [pieces,W]
};

Sentence pieces_of(const Explanation& explanation) {
  const auto words = static_cast<int64_t>(explanation.words.size());
  ShapeCheck check("explanation");
  check(explanation.attention, "attention", {words, "W"});
  Sentence sentence;
  std::vector<int64_t> piece_of;
  size_t begin = 0;
  for (const text::Word& word : explanation.words) {
    TORCH_CHECK_VALUE(
        begin <= word.begin && word.begin <= word.end && word.end <= explanation.sentence.size(),
        "explanation: expected words in their order inside the sentence of ",
        explanation.sentence.size(),
        " bytes, got ",
        word.begin,
        " … ",
        word.end);
    begin = word.begin;
    if (sentence.pieces.empty() || word.begin >= sentence.pieces.back().end) {
      sentence.pieces.push_back({word.begin, word.end});
    } else {
      sentence.pieces.back().end = std::max(sentence.pieces.back().end, word.end);
    }
    piece_of.push_back(static_cast<int64_t>(sentence.pieces.size()) - 1);
  }
  const at::Tensor weights = explanation.attention.detach().to(at::kCPU, at::kDouble);
  sentence.attention =
      at::zeros({static_cast<int64_t>(sentence.pieces.size()), weights.size(1)}, at::kDouble)
          .index_add(0, at::tensor(piece_of, at::kLong), weights);
  return sentence;
}

/// The sentence as a list of [text, number of the word or −1].
Json text_json(const std::string& sentence, const std::vector<Piece>& pieces) {
  Json list = Json::array();
  size_t at = 0;
  const size_t shown = std::min<size_t>(pieces.size(), kMostWords);
  for (size_t i = 0; i < shown; ++i) {
    const auto& [begin, end] = pieces[i];
    if (begin > at) list.push_back({sentence.substr(at, begin - at), -1});
    list.push_back({sentence.substr(begin, end - begin), i});
    at = end;
  }
  if (shown == pieces.size() && at < sentence.size()) list.push_back({sentence.substr(at), -1});
  return list;
}

double rounded(double value) { return std::round(value * 1000) / 1000; }

Json words_json(const Met& met) {
  constexpr int64_t kMostShares = 3;
  Json list = Json::array();
  const int64_t words = std::min(met.part.size(0), kMostWords);
  const int64_t shares = std::min(kMostShares, met.share.size(1));
  const auto [share, place] = met.share.narrow(0, 0, words).topk(shares, /*dim=*/1);
  const double* share_of = share.const_data_ptr<double>();
  const int64_t* place_of = place.const_data_ptr<int64_t>();
  const int64_t* part_of = met.part.const_data_ptr<int64_t>();
  const double* strength_of = met.strength.const_data_ptr<double>();
  for (int64_t w = 0; w < words; ++w) {
    Json most = Json::array();
    for (int64_t i = w * shares; i < (w + 1) * shares; ++i) {
      if (share_of[i] >= 0.01) most.push_back({place_of[i], rounded(share_of[i])});
    }
    list.push_back({part_of[w], rounded(strength_of[w]), most});
  }
  return list;
}

/// Whole numbers about the middle of the sketch, and the place of each point's part.
Json sketch_json(const GalleryEntry& entry, const std::vector<int64_t>& places) {
  const int64_t points = entry.sketch.defined() ? entry.sketch.size(0) : 0;
  if (points == 0) return nullptr;
  ShapeCheck check("explanation");
  check(entry.sketch, "sketch", {static_cast<int64_t>(entry.sketch_parts.size()), 3});
  check_finite("explanation", entry.sketch, "sketch");
  const int64_t shown = std::min(points, kMostPoints);
  const at::Tensor rows = at::div(at::arange(shown, at::kLong) * points, shown, "floor");
  const at::Tensor xyz = entry.sketch.to(at::kDouble);
  const auto [low, high] = xyz.aminmax(0);
  const at::Tensor centred = xyz - (low + high) / 2;
  const double radius = centred.norm(2, 1).max().item<double>();
  const at::Tensor steps = (centred * (kSteps / (radius > 0 ? radius : 1)))
                               .round()
                               .to(at::kInt)
                               .index_select(0, rows)
                               .contiguous();
  const int32_t* step = steps.const_data_ptr<int32_t>();
  const int64_t* row = rows.const_data_ptr<int64_t>();
  Json parts = Json::array();
  for (int64_t i = 0; i < shown; ++i) {
    const size_t part = entry.sketch_parts[static_cast<size_t>(row[i])];
    TORCH_CHECK_VALUE(part < places.size(),
                      "explanation: expected points of ",
                      places.size(),
                      " parts, got one of part ",
                      part);
    parts.push_back(places[part]);
  }
  return {{"xyz", std::vector<int32_t>(step, step + steps.numel())}, {"parts", parts}};
}

/// Parts of a shape, each once, in the order of its rows.
Json parts_json(const std::vector<int64_t>& places, const at::Tensor& weight) {
  Json list = Json::array();
  std::vector<int64_t> listed;
  for (const int64_t place : places) {
    if (std::find(listed.begin(), listed.end(), place) != listed.end()) continue;
    listed.push_back(place);
    list.push_back(
        {place, weight.defined() ? Json(rounded(weight[place].item<double>())) : Json()});
  }
  return list;
}

Json hit_json(const ExplainedHit& hit, const Sentence& sentence, PartTable& table) {
  const std::vector<int64_t> places = table.places(hit.entry.part_names);
  const Met met = met_parts(sentence.attention, hit.correspondence, places);
  return {{"name", hit.entry.name},
          {"score", hit.score},
          {"parts", parts_json(places, met.weight)},
          {"words", words_json(met)},
          {"sketch", sketch_json(hit.entry, places)},
          {"note", hit.note}};
}

std::vector<std::string> notes_of(const Explanation& explanation, size_t pieces) {
  std::vector<std::string> notes;
  const auto shortened = [&](size_t all, size_t most, const std::string& what) {
    if (all > most)
      notes.push_back("The page shows the first " + std::to_string(most) + " of " +
                      std::to_string(all) + " " + what + ".");
  };
  shortened(std::max(explanation.hits.size(),
                     static_cast<size_t>(std::max<int64_t>(0, explanation.found))),
            kMostExplained,
            "shapes");
  shortened(pieces, kMostWords, "words; the others count in the shares of the parts");
  return notes;
}

}  // namespace

Met met_parts(const at::Tensor& attention,
              const at::Tensor& correspondence,
              const std::vector<int64_t>& places) {
  ShapeCheck check("explanation");
  check(attention, "attention", {"L", "W"});
  check(correspondence, "correspondence", {"W", static_cast<int64_t>(places.size())});
  check_weights(attention, "attention");
  check_weights(correspondence, "correspondence");
  TORCH_CHECK_VALUE(!places.empty() && *std::min_element(places.begin(), places.end()) >= 0,
                    "explanation: expected parts with places of at least 0");
  const int64_t parts = *std::max_element(places.begin(), places.end()) + 1;
  const at::Tensor place = at::tensor(places, at::kLong);
  const at::Tensor weights =
      attention.to(at::kDouble).mm(correspondence.detach().to(at::kCPU, at::kDouble));
  const at::Tensor met =
      at::zeros({weights.size(0), parts}, at::kDouble).index_add(1, place, weights);
  const at::Tensor sum = met.sum(1, /*keepdim=*/true);
  const at::Tensor even =
      place.bincount({}, parts).to(at::kDouble) / static_cast<double>(places.size());
  Met out;
  // A word that no phrase attends to meets all parts alike.
  out.share = at::where(sum > 0, met / sum.clamp_min(1e-300), even);
  const auto [largest, part] = out.share.max(1);
  out.part = part;
  const at::Tensor lot = even.index_select(0, part);
  const at::Tensor decided =
      at::where(lot < 1, (largest - lot) / (1 - lot).clamp_min(1e-12), at::ones_like(lot));
  const at::Tensor heard = sum.squeeze(1);
  const double loudest = heard.numel() > 0 ? heard.max().item<double>() : 0;
  out.strength = decided.clamp(0, 1) * heard / (loudest > 0 ? loudest : 1);
  const double all = heard.sum().item<double>();
  out.weight = all > 0 ? met.sum(0) / all : even;
  return out;
}

void write_explanation(const std::filesystem::path& path, const Explanation& explanation) {
  const Sentence sentence = pieces_of(explanation);
  PartTable table;
  Json json = {{"title", explanation.title}, {"subtitle", explanation.subtitle}};
  json["text"] = text_json(explanation.sentence, sentence.pieces);
  json["shape"] = nullptr;
  if (explanation.shape) {
    const std::vector<int64_t> places = table.places(explanation.shape->part_names);
    json["shape"] = {{"name", explanation.shape->name},
                     {"parts", parts_json(places, {})},
                     {"sketch", sketch_json(*explanation.shape, places)}};
  }
  json["hits"] = Json::array();
  for (size_t i = 0; i < std::min(explanation.hits.size(), kMostExplained); ++i)
    json["hits"].push_back(hit_json(explanation.hits[i], sentence, table));
  json["parts"] = Json::array();
  for (size_t p = 0; p < table.names().size(); ++p)
    json["parts"].push_back({table.names()[p], hex(table.color(static_cast<int64_t>(p)))});
  const auto whole = std::find(table.names().begin(), table.names().end(), kWholeShape);
  json["whole"] = whole == table.names().end() ? -1 : whole - table.names().begin();
  json["notes"] = notes_of(explanation, sentence.pieces.size());
  // Bytes that are not UTF-8 become U+FFFD; everything beyond ASCII is written as an escape.
  const std::string data = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  const std::string page = fill_page(kExplanationHtml, {{"data", script_json(data)}});
  write_file(path, [&](std::ostream& out) { out << page; });
}

}  // namespace pointattn::retrieval
