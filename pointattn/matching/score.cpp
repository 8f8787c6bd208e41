// SPDX-License-Identifier: Apache-2.0
#include "pointattn/matching/score.h"

#include "pointattn/core/check.h"
#include "pointattn/matching/kinds.h"
#include "pointattn/matching/unit_rows.h"
#include "pointattn/models/options.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

namespace pointattn::matching {
namespace {

/// Cosines of a block: the few arrays of this size that a score makes stay in a processor's cache.
constexpr int64_t kBlock = int64_t{1} << 19;
constexpr int64_t kMostIterations = 100'000;

template <typename Options, typename Visit>
void for_each_option(Options& options, const Visit& visit) {
  visit("kind", options.kind);
  visit("temperature", options.temperature);
  visit("regularization", options.regularization);
  visit("iterations", options.iterations);
  visit("whole", options.whole);
}

const ScoreKind& checked_kind(const ScoreOptions& options) {
  for (const auto& [name, value] : {std::pair{"temperature", options.temperature},
                                    {"regularization", options.regularization}}) {
    TORCH_CHECK_VALUE(
        value > 0 && std::isfinite(value), "match: expected a positive ", name, ", got ", value);
  }
  TORCH_CHECK_VALUE(options.iterations >= 1 && options.iterations <= kMostIterations,
                    "match: expected 1 to ",
                    kMostIterations,
                    " iterations, got ",
                    options.iterations);
  std::string known;
  for (const ScoreKind& kind : score_kinds()) {
    if (kind.name == options.kind) return kind;
    known += (known.empty() ? "" : ", ") + kind.name;
  }
  TORCH_CHECK_VALUE(false, "match: unknown kind '", options.kind, "'; known: ", known);
}

void check_rows(const at::Tensor& phrases, const at::Tensor& parts) {
  TORCH_CHECK_VALUE(phrases.is_floating_point() && phrases.scalar_type() == parts.scalar_type() &&
                        phrases.device() == parts.device(),
                    "match: expected phrases and parts of one floating dtype and device, got ",
                    phrases.scalar_type(),
                    " on ",
                    phrases.device(),
                    " and ",
                    parts.scalar_type(),
                    " on ",
                    parts.device());
  TORCH_CHECK_VALUE(phrases.size(-2) > 0 && parts.size(-2) > 0 && parts.size(-1) > 0,
                    "match: expected at least one phrase and one part with columns, got ",
                    phrases.sizes(),
                    " and ",
                    parts.sizes());
  check_finite("match", phrases, "phrases");
  check_finite("match", parts, "parts");
}

/// Calls `work` for 0 … count − 1: on the CPU each thread takes whole blocks, since the many small
/// steps of a block would otherwise wait for each other's threads.
void for_each_block(int64_t count, bool on_cpu, const std::function<void(int64_t)>& work) {
  if (!on_cpu) {
    for (int64_t block = 0; block < count; ++block) work(block);
    return;
  }
  const at::ThreadLocalState state;  // inference mode and the like
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    const at::ThreadLocalStateGuard guard(state);
    for (int64_t block = begin; block < end; ++block) work(block);
  });
}

/// phrases [W,T,E] and parts [R,S,E] of unit length → [T,S]
at::Tensor score_of(const ScoreKind& kind,
                    const ScoreOptions& options,
                    const at::Tensor& phrases,
                    const at::Tensor& parts) {
  if (!options.whole) return kind.score(options, phrases, parts);
  const at::Tensor whole = phrases[0].mm(parts[0].t());
  const int64_t hops = phrases.size(0) - 1, rest = parts.size(0) - 1;
  if (hops == 0 || rest == 0) return whole;
  return (whole + kind.score(options, phrases.narrow(0, 1, hops), parts.narrow(0, 1, rest))) / 2;
}

/// phrases [W,E] and parts [R,E] of unit length → [W,R], no row of zeros
at::Tensor weights_of(const ScoreKind& kind,
                      const ScoreOptions& options,
                      const at::Tensor& phrases,
                      const at::Tensor& parts) {
  if (!options.whole) return kind.weights(options, phrases, parts);
  at::Tensor weights = at::zeros({phrases.size(0), parts.size(0)}, phrases.options());
  const int64_t hops = phrases.size(0) - 1, rest = parts.size(0) - 1;
  if (hops == 0 || rest == 0) {
    weights.select(1, 0).fill_(1);
    return weights;
  }
  weights[0][0] = 1;
  weights.narrow(0, 1, hops)
      .narrow(1, 1, rest)
      .copy_(kind.weights(options, phrases.narrow(0, 1, hops), parts.narrow(0, 1, rest)));
  return weights;
}

at::Tensor match_in_blocks(const ScoreKind& kind,
                           const ScoreOptions& options,
                           const at::Tensor& phrases,
                           const at::Tensor& parts) {
  const int64_t texts = phrases.size(1), shapes = parts.size(1);
  at::Tensor scores = at::empty({texts, shapes}, phrases.options());
  if (scores.numel() == 0) return scores;
  const int64_t pairs = std::max<int64_t>(1, kBlock / (phrases.size(0) * parts.size(0)));
  const int64_t wide = std::min(shapes, pairs);
  const int64_t high = std::min(texts, pairs / wide);
  const int64_t rows_of_blocks = (texts + high - 1) / high;
  for (int64_t shape = 0; shape < shapes; shape += wide) {
    const int64_t columns = std::min(wide, shapes - shape);
    const at::Tensor some_parts = parts.narrow(1, shape, columns).contiguous();
    const at::Tensor target = scores.narrow(1, shape, columns);
    for_each_block(rows_of_blocks, scores.is_cpu(), [&](int64_t block) {
      const int64_t text = block * high;
      const int64_t rows = std::min(high, texts - text);
      const at::Tensor some_phrases = phrases.narrow(1, text, rows);
      target.narrow(0, text, rows).copy_(score_of(kind, options, some_phrases, some_parts));
    });
  }
  return scores;
}

}  // namespace

void check_options(const ScoreOptions& options) { checked_kind(options); }

nlohmann::json to_json(const ScoreOptions& options) {
  nlohmann::json json;
  for_each_option(options, [&](const char* name, const auto& field) { json[name] = field; });
  return json;
}

ScoreOptions score_options_from_json(const nlohmann::json& json) {
  ScoreOptions options;
  models::OptionReader read("match", json);
  for_each_option(options, [&](const char* name, auto& field) { read(name, field); });
  read.finish();
  check_options(options);
  return options;
}

const std::vector<ScoreKind>& score_kinds() {
  static const std::vector<ScoreKind> all = {
      mean_score(), late_score(), sinkhorn_score(), transport_score(), cross_score()};
  return all;
}

at::Tensor match(const ScoreOptions& options, const at::Tensor& phrases, const at::Tensor& parts) {
  const ScoreKind& kind = checked_kind(options);
  ShapeCheck check("match");
  check(phrases, "phrases", {"T", "W", "E"});
  check(parts, "parts", {"S", "R", "E"});
  check_rows(phrases, parts);
  const at::Tensor phrase_rows = unit_rows(phrases).transpose(0, 1).contiguous();
  const at::Tensor part_rows = unit_rows(parts).transpose(0, 1).contiguous();
  if (phrase_rows.requires_grad() || part_rows.requires_grad()) {
    return score_of(kind, options, phrase_rows, part_rows);
  }
  return match_in_blocks(kind, options, phrase_rows, part_rows);
}

at::Tensor correspondence(const ScoreOptions& options,
                          const at::Tensor& phrases,
                          const at::Tensor& parts) {
  const ScoreKind& kind = checked_kind(options);
  ShapeCheck check("correspondence");
  check(phrases, "phrases", {"W", "E"});
  check(parts, "parts", {"R", "E"});
  check_rows(phrases, parts);
  const at::Tensor weights =
      weights_of(kind, options, unit_rows(phrases.detach()), unit_rows(parts.detach()));
  return weights / weights.sum(1, /*keepdim=*/true);
}

}  // namespace pointattn::matching
