// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/vocabulary.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace pointattn::text {
namespace {

std::vector<std::vector<Word>> sentences(const std::vector<std::string>& texts) {
  std::vector<std::vector<Word>> all;
  for (const std::string& text : texts) all.push_back(words_of(text));
  return all;
}

std::vector<int64_t> values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<int64_t>(), tensor.const_data_ptr<int64_t>() + tensor.numel()};
}

using Ids = std::vector<int64_t>;

TEST(Vocabulary, MostFrequentFirstThenByTextInAnyOrderOfSentences) {
  std::vector<std::string> texts = {"red chair", "a red table", "a table a lamp", "a zebra zebra"};
  for (int turn = 0; turn < 4; ++turn) {
    std::rotate(texts.begin(), texts.begin() + 1, texts.end());
    const Vocabulary vocabulary = Vocabulary::of(sentences(texts));
    EXPECT_EQ(vocabulary.words(), (std::vector<std::string>{"a", "red", "table", "zebra"}));
    EXPECT_EQ(vocabulary.id("a"), 1);
    EXPECT_EQ(vocabulary.id("zebra"), 4);
    EXPECT_EQ(vocabulary.id("chair"), 0);
    EXPECT_EQ(vocabulary.id(""), 0);
  }
  EXPECT_EQ(Vocabulary::of(sentences(texts), {1, 100}).size(), 6);
  EXPECT_EQ(Vocabulary::of({}).size(), 0);
}

/// FNV-1a, 64 bits, from its definition.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char letter : text) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= 1099511628211ULL;
  }
  return hash;
}

TEST(Vocabulary, NgramsAreRunsOfCodePointsHashedByFnv1a) {
  // Published values of the hash.
  ASSERT_EQ(hash_of(""), 0xcbf29ce484222325ULL);
  ASSERT_EQ(hash_of("foobar"), 0x85944171f73967e8ULL);
  const Vocabulary vocabulary({}, 997);
  const auto rows = [](const std::vector<std::string>& ngrams) {
    Ids ids;
    for (const std::string& ngram : ngrams)
      ids.push_back(static_cast<int64_t>(hash_of(ngram) % 997));
    return ids;
  };
  EXPECT_EQ(vocabulary.ngrams("leg"), rows({"<le", "leg", "eg>", "<leg", "leg>", "<leg>"}));
  EXPECT_EQ(vocabulary.ngrams("a"), rows({"<a>"}));
  EXPECT_EQ(vocabulary.ngrams("\xC3\xA9t"),  // ét: code points, not bytes
            rows({"<\xC3\xA9t", "\xC3\xA9t>", "<\xC3\xA9t>"}));
  EXPECT_EQ(vocabulary.ngrams("aaaa").size(), 4U + 3U + 2U);
  EXPECT_TRUE(vocabulary.ngrams("").empty());
}

TEST(Vocabulary, JsonRoundTrip) {
  const Vocabulary vocabulary({"chair", "caf\xC3\xA9", "it's"}, 50);
  const Vocabulary back = vocabulary_from_json(nlohmann::json::parse(to_json(vocabulary).dump()));
  EXPECT_EQ(back.words(), vocabulary.words());
  EXPECT_EQ(back.buckets(), 50);
  EXPECT_EQ(back.id("it's"), 3);
}

TEST(Vocabulary, HostileJsonIsRefusedInOneLine) {
  for (const char* text : {R"([])",
                           R"(null)",
                           R"({})",
                           R"({"words": []})",
                           R"({"buckets": 5})",
                           R"({"words": {}, "buckets": 5})",
                           R"({"words": "chair", "buckets": 5})",
                           R"({"words": [1], "buckets": 5})",
                           R"({"words": [[]], "buckets": 5})",
                           R"({"words": ["a", "a"], "buckets": 5})",
                           R"({"words": [""], "buckets": 5})",
                           R"({"words": [], "buckets": 0})",
                           R"({"words": [], "buckets": -3})",
                           R"({"words": [], "buckets": 1.5})",
                           R"({"words": [], "buckets": "8"})",
                           R"({"words": [], "buckets": 1048577})",
                           R"({"words": [], "buckets": 18446744073709551615})",
                           R"({"words": [], "buckets": 5, "more": 1})"}) {
    try {
      (void)vocabulary_from_json(nlohmann::json::parse(text));
      ADD_FAILURE() << text;
    } catch (const c10::ValueError& error) {
      const std::string message = error.what_without_backtrace();
      EXPECT_TRUE(message.starts_with("Vocabulary: ")) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
  EXPECT_THROW(Vocabulary::of({}, {0, 10}), c10::ValueError);
  EXPECT_THROW(Vocabulary::of({}, {1, 0}), c10::ValueError);
}

TEST(Encode, RaggedRowsAndAPlaceholderForNothing) {
  const Vocabulary vocabulary({"red", "chair"}, 1000);
  const TokenBatch tokens = encode(vocabulary, sentences({"red sofa", "", "chair"}));
  EXPECT_EQ(tokens.sentences(), 3);
  EXPECT_EQ(values(tokens.word), (Ids{1, 0, 0, 2}));
  EXPECT_EQ(values(tokens.offsets), (Ids{0, 2, 3, 4}));
  // red: 3 + 2 + 1 n-grams, sofa: 4 + 3 + 2, nothing, chair: 5 + 4 + 3.
  EXPECT_EQ(values(tokens.ngram_offsets), (Ids{0, 6, 15, 15, 27}));
  EXPECT_EQ(values(tokens.ngram.narrow(0, 6, 9)), vocabulary.ngrams("sofa"));
  const TokenBatch none = encode(vocabulary, {});
  EXPECT_EQ(none.sentences(), 0);
  EXPECT_EQ(none.word.sizes(), at::IntArrayRef({0}));
  EXPECT_EQ(none.ngram.scalar_type(), at::kLong);
}

TEST(Encode, AMisspeltWordSharesMoreNgramsThanAnotherWord) {
  const Vocabulary vocabulary({}, 8192);
  const auto shared = [&](const std::string& a, const std::string& b) {
    Ids of_a = vocabulary.ngrams(a);
    Ids of_b = vocabulary.ngrams(b);
    std::sort(of_a.begin(), of_a.end());
    std::sort(of_b.begin(), of_b.end());
    Ids both;
    std::set_intersection(
        of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), std::back_inserter(both));
    return both.size();
  };
  EXPECT_GT(shared("rectangular", "rectanguler"), 12U);
  EXPECT_LT(shared("rectangular", "comfortable"), 3U);
}

}  // namespace
}  // namespace pointattn::text
