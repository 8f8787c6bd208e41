// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/text/words.h"

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pointattn::text {

struct VocabularyOptions {
  int64_t min_count = 2;   ///< words that occur less often are unknown
  int64_t buckets = 8192;  ///< rows that the character n-grams share
};

/// The words with a row of their own, and the rows of the character n-grams that every word has
/// (Bojanowski et al., TACL 2017), so that a misspelt or unseen word still has a vector.
class Vocabulary {
 public:
  /// Words that occur at least min_count times, the most frequent first, equally frequent ones by
  /// their bytes: the same for any order of the sentences. Throws c10::ValueError for options below
  /// 1 and more than 2^20 buckets.
  static Vocabulary of(const std::vector<std::vector<Word>>& sentences,
                       const VocabularyOptions& options = {});

  /// Word i of `words` gets the id i + 1. Throws c10::ValueError for an empty or repeated word and
  /// for buckets outside 1 … 2^20.
  Vocabulary(std::vector<std::string> words, int64_t buckets);

  const std::vector<std::string>& words() const { return words_; }
  int64_t size() const { return static_cast<int64_t>(words_.size()); }
  int64_t buckets() const { return buckets_; }

  /// 1 … size(), or 0 for an unknown word. `word` is normalised, as words_of() gives it.
  int64_t id(const std::string& word) const;

  /// Rows of the n-grams of "<word>": all runs of 3, 4 and 5 code points, the shorter ones first,
  /// each from left to right, repeated ones repeated. The row of an n-gram is the 64-bit FNV-1a
  /// hash of its UTF-8 bytes modulo buckets(). Never empty for a word that is not.
  std::vector<int64_t> ngrams(std::string_view word) const;

 private:
  std::vector<std::string> words_;
  std::unordered_map<std::string, int64_t> ids_;
  int64_t buckets_;
};

/// {"words": [text], "buckets": n}. What is no such object throws c10::ValueError; its fields are
/// checked as by the constructor.
nlohmann::json to_json(const Vocabulary& vocabulary);
Vocabulary vocabulary_from_json(const nlohmann::json& json);

/// A ragged batch of sentences, L words in all. Sentence b owns the words offsets[b] …
/// offsets[b+1]-1, word l the n-grams ngram_offsets[l] … ngram_offsets[l+1]-1.
struct TokenBatch {
  at::Tensor word;           ///< [L] int64 ids, 0 = unknown
  at::Tensor ngram;          ///< [G] int64 rows of n-grams
  at::Tensor ngram_offsets;  ///< [L+1] int64, first 0, last G
  at::Tensor offsets;        ///< [B+1] int64, first 0, last L; every sentence has a word

  int64_t sentences() const { return offsets.size(0) - 1; }
};

/// Sentences as ids, on the CPU. A sentence without words gets one placeholder: an unknown word
/// without n-grams, which no written word is.
TokenBatch encode(const Vocabulary& vocabulary, const std::vector<std::vector<Word>>& sentences);

}  // namespace pointattn::text
