// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/vocabulary.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace pointattn::text {
namespace {

constexpr int64_t kMaxBuckets = int64_t{1} << 20;
constexpr size_t kShortest = 3;
constexpr size_t kLongest = 5;

/// Fowler, Noll and Vo's hash, 64 bits, variant 1a.
uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001B3ULL;
  }
  return hash;
}

/// Where the code points of a UTF-8 text begin, and its end.
std::vector<size_t> code_point_bounds(std::string_view utf8) {
  std::vector<size_t> bounds;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const bool follows = (static_cast<uint8_t>(utf8[i]) & 0xC0) == 0x80;
    if (!follows) bounds.push_back(i);
  }
  bounds.push_back(utf8.size());
  return bounds;
}

at::Tensor tensor_of(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

}  // namespace

Vocabulary Vocabulary::of(const std::vector<std::vector<Word>>& sentences,
                          const VocabularyOptions& options) {
  TORCH_CHECK_VALUE(options.min_count > 0,
                    "Vocabulary: expected min_count of at least 1, got ",
                    options.min_count);
  std::unordered_map<std::string, int64_t> counts;
  for (const std::vector<Word>& sentence : sentences) {
    for (const Word& word : sentence) ++counts[word.text];
  }
  std::vector<std::pair<std::string, int64_t>> kept;
  for (const auto& entry : counts) {
    if (entry.second >= options.min_count) kept.emplace_back(entry);
  }
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<std::string> words;
  words.reserve(kept.size());
  for (auto& entry : kept) words.push_back(std::move(entry.first));
  return {std::move(words), options.buckets};
}

Vocabulary::Vocabulary(std::vector<std::string> words, int64_t buckets)
    : words_(std::move(words)), buckets_(buckets) {
  TORCH_CHECK_VALUE(buckets > 0 && buckets <= kMaxBuckets,
                    "Vocabulary: expected buckets in 1 … ",
                    kMaxBuckets,
                    ", got ",
                    buckets);
  ids_.reserve(words_.size());
  for (const std::string& word : words_) {
    TORCH_CHECK_VALUE(!word.empty(), "Vocabulary: expected words, got an empty one");
    const bool fresh = ids_.emplace(word, static_cast<int64_t>(ids_.size()) + 1).second;
    TORCH_CHECK_VALUE(fresh, "Vocabulary: the word '", word, "' occurs twice");
  }
}

int64_t Vocabulary::id(const std::string& word) const {
  const auto found = ids_.find(word);
  return found == ids_.end() ? 0 : found->second;
}

std::vector<int64_t> Vocabulary::ngrams(std::string_view word) const {
  std::string framed;
  framed.append(1, '<').append(word).append(1, '>');
  const std::vector<size_t> bounds = code_point_bounds(framed);
  const size_t letters = bounds.size() - 1;
  std::vector<int64_t> rows;
  for (size_t length = kShortest; length <= std::min(kLongest, letters); ++length) {
    for (size_t first = 0; first + length <= letters; ++first) {
      const std::string_view ngram =
          std::string_view(framed).substr(bounds[first], bounds[first + length] - bounds[first]);
      rows.push_back(static_cast<int64_t>(fnv1a(ngram) % static_cast<uint64_t>(buckets_)));
    }
  }
  return rows;
}

nlohmann::json to_json(const Vocabulary& vocabulary) {
  return {{"words", vocabulary.words()}, {"buckets", vocabulary.buckets()}};
}

Vocabulary vocabulary_from_json(const nlohmann::json& json) {
  const bool complete = json.is_object() && json.size() == 2 && json.contains("words") &&
                        json.contains("buckets") && json["words"].is_array() &&
                        json["buckets"].is_number_integer();
  TORCH_CHECK_VALUE(complete, "Vocabulary: expected an object of 'words' and 'buckets'");
  std::vector<std::string> words;
  words.reserve(json["words"].size());
  for (const nlohmann::json& word : json["words"]) {
    TORCH_CHECK_VALUE(word.is_string(), "Vocabulary: expected words, got a ", word.type_name());
    words.push_back(word.get<std::string>());
  }
  // Unsigned numbers of 2^63 and above would wrap to what may look right.
  const nlohmann::json& buckets = json["buckets"];
  TORCH_CHECK_VALUE(buckets <= kMaxBuckets,
                    "Vocabulary: expected buckets in 1 … ",
                    kMaxBuckets,
                    ", got ",
                    buckets.dump());
  return {std::move(words), buckets.get<int64_t>()};
}

TokenBatch encode(const Vocabulary& vocabulary, const std::vector<std::vector<Word>>& sentences) {
  std::vector<int64_t> word;
  std::vector<int64_t> ngram;
  std::vector<int64_t> ngram_offsets{0};
  std::vector<int64_t> offsets{0};
  for (const std::vector<Word>& sentence : sentences) {
    for (const Word& each : sentence) {
      word.push_back(vocabulary.id(each.text));
      const std::vector<int64_t> rows = vocabulary.ngrams(each.text);
      ngram.insert(ngram.end(), rows.begin(), rows.end());
      ngram_offsets.push_back(static_cast<int64_t>(ngram.size()));
    }
    if (sentence.empty()) {
      word.push_back(0);
      ngram_offsets.push_back(static_cast<int64_t>(ngram.size()));
    }
    offsets.push_back(static_cast<int64_t>(word.size()));
  }
  return {tensor_of(word), tensor_of(ngram), tensor_of(ngram_offsets), tensor_of(offsets)};
}

}  // namespace pointattn::text
