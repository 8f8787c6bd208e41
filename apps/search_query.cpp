// SPDX-License-Identifier: Apache-2.0
#include "apps/search_query.h"

#include "apps/cli.h"
#include "pointattn/core/closest.h"
#include "pointattn/retrieval/part_names.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::apps {
namespace {

/// The words that a phrase attends to at least half as much as to its first one, in the order of
/// the sentence; at most five.
std::string words_of_phrase(const retrieval::TextEmbedding& text, int64_t phrase) {
  constexpr int64_t kMost = 5;
  const at::Tensor column = text.attention.select(1, phrase);
  const int64_t n = std::min(kMost, column.size(0));
  const auto [attention, index] = column.topk(n);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < n; ++i) {
    if (attention[i].item<float>() >= attention[0].item<float>() / 2)
      chosen.push_back(index[i].item<int64_t>());
  }
  std::sort(chosen.begin(), chosen.end());
  std::string words;
  for (const int64_t word : chosen)
    words += (words.empty() ? "" : " ") + text.words[static_cast<size_t>(word)].text;
  return words;
}

Query from_text(const retrieval::Encoder& encoder, const std::string& sentence) {
  if (text::words_of(sentence).empty()) throw UsageError("no word in the query '" + sentence + "'");
  const retrieval::TextEmbedding text = encoder.text(sentence);
  Query query;
  query.phrases = text.phrases;
  for (int64_t w = 0; w < text.phrases.size(0); ++w)
    query.words.push_back(words_of_phrase(text, w));
  query.explanation.title = "“" + sentence + "”";
  query.explanation.sentence = sentence;
  query.explanation.words = text.words;
  query.explanation.attention = text.attention;
  return query;
}

/// Rows of the parts of that name; "part 3" is the third one, whatever its name.
std::vector<int64_t> rows_named(const std::vector<std::string>& names, const std::string& wanted) {
  const auto parts = static_cast<int64_t>(names.size());
  std::vector<int64_t> rows;
  std::vector<std::string> known;
  std::string list;
  for (int64_t r = 0; r < parts; ++r) {
    const std::string& name = names[static_cast<size_t>(r)];
    if (lower(name) == lower(wanted) || lower(wanted) == retrieval::numbered_part(r))
      rows.push_back(r);
    if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) continue;
    known.push_back(name);
    list += name + ", ";
  }
  if (!rows.empty()) return rows;
  const std::string near = closest(wanted, known);
  throw UsageError("--part " + wanted + ": expected one of " + list + "part 1 to part " +
                   std::to_string(parts) + (near.empty() ? "" : "; did you mean " + near + "?"));
}

Query from_cloud(const retrieval::Encoder& encoder, const QueryRequest& request, uint64_t seed) {
  const Shape shape = read_shape(request.like, request.input, seed);
  const retrieval::ShapeEmbedding embedding = encoder.shape(shape.xyz);
  Query query;
  query.notes = embedding.notes;
  std::vector<int64_t> rows;
  if (request.part.empty()) {
    for (int64_t r = 0; r < embedding.parts.size(0); ++r) rows.push_back(r);
  } else {
    rows = rows_named(embedding.part_names, request.part);
    // The whole is compared with wholes, by the score itself.
    const bool whole = encoder.score().whole && rows == std::vector<int64_t>{0};
    query.options.phrases_only = !whole;
  }
  query.phrases = embedding.parts.index_select(0, at::tensor(rows, at::kLong));
  for (const int64_t row : rows)
    query.words.push_back(retrieval::part_name(embedding.part_names, row));
  retrieval::Explanation& explanation = query.explanation;
  explanation.title = "Like " + request.like + (request.part.empty() ? "" : ": " + request.part);
  // In place of a sentence, the names of the parts, each of which asks for itself.
  for (const std::string& name : query.words) {
    if (!explanation.sentence.empty()) explanation.sentence += "  ";
    const size_t begin = explanation.sentence.size();
    explanation.sentence += name;
    explanation.words.push_back({name, begin, explanation.sentence.size()});
  }
  explanation.attention = at::eye(query.phrases.size(0), at::kFloat);
  explanation.shape.emplace();
  explanation.shape->name = std::filesystem::path(request.like).filename().string();
  explanation.shape->part_names = embedding.part_names;
  const retrieval::ShapeEmbedding all = retrieval::spread(embedding);
  retrieval::add_sketch(*explanation.shape, all, all.points.size(0));
  return query;
}

}  // namespace

void check_query(const QueryRequest& request) {
  const bool words = request.text.find_first_not_of(" \t\r\n") != std::string::npos;
  if (words && !request.like.empty()) throw UsageError("expected either words or --like, got both");
  if (!words && request.like.empty())
    throw UsageError(request.text.empty() ? "expected what to look for: words, or --like CLOUD"
                                          : "the query is empty");
  if (!request.part.empty() && request.like.empty())
    throw UsageError("--part " + request.part + ": expected --like CLOUD with it");
}

Query make_query(const retrieval::Encoder& encoder, const QueryRequest& request, uint64_t seed) {
  Query query =
      request.like.empty() ? from_text(encoder, request.text) : from_cloud(encoder, request, seed);
  query.options.score = encoder.score();
  return query;
}

}  // namespace pointattn::apps
