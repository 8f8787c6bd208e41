// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery.h"
#include "pointattn/text/words.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Why a search found what it found: which words met which part. Letters: L words, W phrases,
/// R parts of a shape, n points of a sketch.
namespace pointattn::retrieval {

/// A shape that was found, and how the query met it.
struct ExplainedHit {
  double score = 0;
  GalleryEntry entry;
  at::Tensor correspondence;  ///< float [W,R] matching::correspondence(): rows sum to 1
  std::string note;           ///< on its drawing, such as why there is none; may be empty
};

/// Shapes on a page.
constexpr size_t kMostExplained = 100;

/// A search and what it found. Texts may hold anything: bytes that are not UTF-8 are shown as U+FFFD.
struct Explanation {
  std::string title;     ///< what was looked for
  std::string subtitle;  ///< and where
  std::string sentence;  ///< of which `words` are pieces, in their order
  std::vector<text::Word> words;
  at::Tensor attention;               ///< float [L,W] weight of each word in each phrase
  std::optional<GalleryEntry> shape;  ///< of a search by a cloud: its drawing
  std::vector<ExplainedHit> hits;     ///< best first; of more than kMostExplained the first ones
  int64_t found = 0;  ///< how many there are, where `hits` does not hold all of them
};

/// What the words met in one shape.
struct Met {
  at::Tensor share;  ///< float64 [L,P] of each word's attention that met each part, rows sum to 1
  at::Tensor part;   ///< int64 [L] the part with the largest share, the first of equal ones
  at::Tensor strength;  ///< float64 [L] in [0,1], how much a word says about its part
  at::Tensor weight;    ///< float64 [P] share of the whole query that met the part, sums to 1
};

/// Words meet parts through phrases: M = A·C with attention A [L,W] and correspondence C [W,R], the
/// rows of one part added, places [R] to [P]. A word's strength is its attention relative to the
/// largest one, times how far its largest share is above the even one (0: it met all R rows alike,
/// 1: it met one part only). Throws c10::ValueError where shapes do not fit or numbers are not
/// finite or below 0.
Met met_parts(const at::Tensor& attention,
              const at::Tensor& correspondence,
              const std::vector<int64_t>& places);

/// Writes one self-contained HTML page (no network, no library): for each hit its sketch to turn
/// with the mouse, a finger or the arrow keys, in the colours of its parts, and the query with each
/// word in the colour of the part it met most, the paler the less it says. Pointing at a word, at a
/// part of the legend or at a point shows what belongs to it alone. At most 100 hits, 500 words and
/// 1500 points of a sketch are shown; the page says what it leaves out. Written whole or not at all.
/// Throws c10::ValueError for words outside the sentence or out of order, and as met_parts() does.
void write_explanation(const std::filesystem::path& path, const Explanation& explanation);

}  // namespace pointattn::retrieval
