// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/matching/score.h"
#include "pointattn/retrieval/gallery.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace pointattn::retrieval {

/// A shape that was found.
struct Hit {
  int64_t index = 0;  ///< in the gallery
  double score = 0;   ///< matching::match()
};

struct SearchOptions {
  matching::ScoreOptions score;
  /// Only how well the phrases are met counts, not how well the parts are: the mean over phrases of
  /// the best part's cosine, in place of `score`. For a search by one part of a shape; the whole,
  /// where `score` has one, is no part.
  bool phrases_only = false;
  bool exact = false;         ///< every shape is scored, also where there is an index
  int64_t candidates = 1000;  ///< about how many shapes are scored where there is an index
  int64_t probes = 24;        ///< lists of the index that are looked through for each phrase
};

/// The k shapes of the gallery that match best, best first, equal scores in the order of the
/// gallery; fewer when it has fewer. phrases: float [W,E], rows of any length.
///
/// Where the gallery has a candidate index (Gallery::index), shapes are found by it, by their parts
/// and by their mean embedding, and the exact score ranks them; else, and when `exact`, every shape
/// is scored. Throws c10::ValueError for k < 1, no phrase, another width than the gallery's and
/// values that are not finite; c10::Error for damaged rows, with the file and the place.
std::vector<Hit> search(const Gallery& gallery,
                        const at::Tensor& phrases,
                        int64_t k,
                        const SearchOptions& options = {});

/// How much each phrase met each part of a shape that the search ranked: phrases [W,E], parts [R,E]
/// → [W,R], rows sum to one. As matching::correspondence(); with `phrases_only` each phrase counts for
/// its best part, or evenly for equally good ones.
at::Tensor correspondence(const SearchOptions& options,
                          const at::Tensor& phrases,
                          const at::Tensor& parts);

}  // namespace pointattn::retrieval
