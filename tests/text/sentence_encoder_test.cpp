// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/sentence_encoder.h"

#include "tests/support/gradients.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace pointattn::text {
namespace {

SentenceEncoderOptions tiny() {
  SentenceEncoderOptions options;
  options.words = 5;
  options.buckets = 11;
  options.width = 4;
  options.hidden = 3;
  options.attention_hidden = 3;
  options.hops = 2;
  options.dropout = 0;
  options.unknown = 0;
  return options;
}

std::vector<std::vector<Word>> sentences(const std::vector<std::string>& texts) {
  std::vector<std::vector<Word>> all;
  for (const std::string& text : texts) all.push_back(words_of(text));
  return all;
}

TokenBatch sample_tokens(const Vocabulary& vocabulary) {
  return encode(vocabulary, sentences({"red chair", "", "a red lamp on a table", "chair"}));
}

Vocabulary sample_vocabulary() { return {{"a", "red", "chair", "table", "lamp"}, 11}; }

using Rows = std::vector<std::vector<double>>;

Rows rows_of(const at::Tensor& tensor) {
  Rows rows;
  const at::Tensor matrix = tensor.detach().to(at::kDouble).contiguous();
  for (int64_t i = 0; i < matrix.size(0); ++i) {
    const double* row = matrix.const_data_ptr<double>() + i * matrix.size(1);
    rows.emplace_back(row, row + matrix.size(1));
  }
  return rows;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One direction of an LSTM (Hochreiter and Schmidhuber 1997), gates in the order i, f, g, o.
Rows naive_lstm(torch::nn::LSTM& lstm, Rows inputs, bool backwards) {
  const auto named = lstm->named_parameters();
  const std::string end = backwards ? "_l0_reverse" : "_l0";
  const Rows input = rows_of(named["weight_ih" + end]);
  const Rows recurrent = rows_of(named["weight_hh" + end]);
  const Rows bias = rows_of(at::stack({named["bias_ih" + end], named["bias_hh" + end]}));
  const size_t u = recurrent[0].size();
  if (backwards) std::reverse(inputs.begin(), inputs.end());
  std::vector<double> state(u), cell(u);
  Rows states;
  for (const auto& x : inputs) {
    std::vector<double> gate(4 * u);
    for (size_t j = 0; j < 4 * u; ++j)
      gate[j] = dot(input[j], x) + dot(recurrent[j], state) + bias[0][j] + bias[1][j];
    for (size_t j = 0; j < u; ++j) {
      cell[j] = sigmoid(gate[u + j]) * cell[j] + sigmoid(gate[j]) * std::tanh(gate[2 * u + j]);
      state[j] = sigmoid(gate[3 * u + j]) * std::tanh(cell[j]);
    }
    states.push_back(state);
  }
  if (backwards) std::reverse(states.begin(), states.end());
  return states;
}

/// Word vectors of sentence b by their definition.
Rows naive_vectors(SentenceEncoder& encoder, const TokenBatch& tokens, int64_t b) {
  const Rows words = rows_of(encoder->word->weight);
  const Rows ngrams = rows_of(encoder->ngram->weight);
  Rows vectors;
  for (int64_t l = tokens.offsets[b].item<int64_t>(); l < tokens.offsets[b + 1].item<int64_t>();
       ++l) {
    std::vector<double> vector = words[tokens.word[l].item<int64_t>()];
    const auto first = tokens.ngram_offsets[l].item<int64_t>();
    const auto last = tokens.ngram_offsets[l + 1].item<int64_t>();
    for (int64_t g = first; g < last; ++g) {
      const auto& row = ngrams[tokens.ngram[g].item<int64_t>()];
      for (size_t c = 0; c < row.size(); ++c)
        vector[c] += row[c] / static_cast<double>(last - first);
    }
    vectors.push_back(vector);
  }
  return vectors;
}

TEST(SentenceEncoder, IsTheFormulaOfThePaper) {
  at::manual_seed(1);
  SentenceEncoder encoder(tiny());
  encoder->to(at::kDouble);
  const TokenBatch tokens = sample_tokens(sample_vocabulary());
  const Sentences got = encoder(tokens);
  ASSERT_EQ(got.attention.sizes(), at::IntArrayRef({10, 2}));
  ASSERT_EQ(got.hops.sizes(), at::IntArrayRef({4, 2, 6}));
  ASSERT_EQ(got.penalty.sizes(), at::IntArrayRef({4}));
  const Rows first = rows_of(encoder->attention->first->weight);
  const Rows second = rows_of(encoder->attention->second->weight);
  int64_t row = 0;
  for (int64_t b = 0; b < 4; ++b) {
    const Rows inputs = naive_vectors(encoder, tokens, b);
    Rows states = naive_lstm(encoder->lstm, inputs, false);
    const Rows backward = naive_lstm(encoder->lstm, inputs, true);
    for (size_t t = 0; t < states.size(); ++t)
      states[t].insert(states[t].end(), backward[t].begin(), backward[t].end());
    Rows weights(2, std::vector<double>(states.size()));
    for (size_t w = 0; w < 2; ++w) {
      double total = 0;
      for (size_t t = 0; t < states.size(); ++t) {
        std::vector<double> inner;
        for (const auto& each : first) inner.push_back(std::tanh(dot(each, states[t])));
        total += weights[w][t] = std::exp(dot(second[w], inner));
      }
      for (size_t t = 0; t < states.size(); ++t) {
        weights[w][t] /= total;
        EXPECT_NEAR(
            got.attention[row + static_cast<int64_t>(t)][w].item<double>(), weights[w][t], 1e-12);
      }
      for (size_t c = 0; c < 6; ++c) {
        double mean = 0;
        for (size_t t = 0; t < states.size(); ++t) mean += weights[w][t] * states[t][c];
        EXPECT_NEAR(got.hops[b][w][c].item<double>(), mean, 1e-12);
      }
    }
    double penalty = 0;
    for (size_t i = 0; i < 2; ++i) {
      for (size_t j = 0; j < 2; ++j)
        penalty += std::pow(dot(weights[i], weights[j]) - (i == j ? 1 : 0), 2);
    }
    EXPECT_NEAR(got.penalty[b].item<double>(), penalty, 1e-12);
    row += static_cast<int64_t>(states.size());
  }
}

TEST(SentenceEncoder, GradientsOfEveryParameterByFiniteDifferences) {
  // Thousands of tiny forward passes: threads would spend the time waiting for each other.
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  at::manual_seed(2);
  SentenceEncoder encoder(tiny());
  encoder->to(at::kDouble);
  const TokenBatch tokens = sample_tokens(sample_vocabulary());
  const at::Tensor of_hops = at::randn({4, 2, 6}, at::kDouble);
  const at::Tensor of_attention = at::randn({10, 2}, at::kDouble);
  const auto loss = [&] {
    const Sentences out = encoder(tokens);
    return (out.hops * of_hops).sum() + (out.attention * of_attention).sum() + out.penalty.sum();
  };
  loss().backward();
  for (const auto& entry : encoder->named_parameters()) {
    at::Tensor parameter = entry.value();
    const at::Tensor numeric = test::finite_differences(
        [&](const at::Tensor& value) {
          const at::NoGradGuard no_grad;
          const at::Tensor kept = parameter.clone();
          parameter.copy_(value);
          const at::Tensor result = loss();
          parameter.copy_(kept);
          return result;
        },
        parameter);
    ASSERT_TRUE(parameter.grad().defined()) << entry.key();
    EXPECT_TRUE(at::allclose(parameter.grad(), numeric, 1e-6, 1e-8)) << entry.key();
    EXPECT_GT(numeric.abs().max().item<double>(), 1e-5) << entry.key();
  }
  at::set_num_threads(threads);
}

SentenceEncoder common_sizes(const Vocabulary& vocabulary) {
  SentenceEncoderOptions options;
  options.words = vocabulary.size();
  options.buckets = vocabulary.buckets();
  SentenceEncoder encoder(options);
  encoder->eval();
  return encoder;
}

std::vector<std::string> varied_sentences(int64_t count) {
  const std::vector<std::string> parts = {
      "a", "red", "chair", "with", "four", "thin", "legs", "и", "椅"};
  std::vector<std::string> all;
  for (int64_t i = 0; i < count; ++i) {
    std::string text;
    for (int64_t j = 0; j < (i * 7) % 23; ++j)
      text += parts[static_cast<size_t>(i * j + j) % 9] + " ";
    all.push_back(text);
  }
  return all;
}

TEST(SentenceEncoder, WithoutGradientsTheBatchChangesNoBit) {
  at::manual_seed(3);
  const std::vector<std::string> texts = varied_sentences(37);
  const Vocabulary vocabulary = Vocabulary::of(sentences(texts));
  SentenceEncoder encoder = common_sizes(vocabulary);
  const at::NoGradGuard no_grad;
  const TokenBatch tokens = encode(vocabulary, sentences(texts));
  const Sentences all = encoder(tokens);
  for (size_t b = 0; b < texts.size(); ++b) {
    const Sentences alone = encoder(encode(vocabulary, sentences({texts[b]})));
    const auto row = static_cast<int64_t>(b);
    EXPECT_TRUE(alone.hops[0].equal(all.hops[row])) << b;
    EXPECT_TRUE(alone.penalty[0].equal(all.penalty[row])) << b;
    const auto first = tokens.offsets[row].item<int64_t>();
    EXPECT_TRUE(alone.attention.equal(all.attention.narrow(0, first, alone.attention.size(0))));
  }
}

TEST(SentenceEncoder, WithGradientsTheBatchChangesRoundingOnly) {
  at::manual_seed(4);
  const std::vector<std::string> texts = varied_sentences(29);
  const Vocabulary vocabulary = Vocabulary::of(sentences(texts));
  SentenceEncoder encoder = common_sizes(vocabulary);
  const TokenBatch tokens = encode(vocabulary, sentences(texts));
  const Sentences batched = encoder(tokens);
  const at::NoGradGuard no_grad;
  const Sentences alone = encoder(tokens);
  EXPECT_TRUE(at::allclose(batched.hops, alone.hops, 0, 2e-6));
  EXPECT_TRUE(at::allclose(batched.attention, alone.attention, 0, 2e-6));
  EXPECT_TRUE(at::allclose(batched.penalty, alone.penalty, 0, 2e-5));
}

TEST(SentenceEncoder, AMisspeltWordIsNearTheRightOne) {
  at::manual_seed(5);
  const Vocabulary vocabulary({"rectangular", "comfortable"}, 8192);
  SentenceEncoder encoder = common_sizes(vocabulary);
  const at::NoGradGuard no_grad;
  // The n-grams' part of a vector, which is all that an unknown word has.
  const auto vector = [&](const std::string& word) {
    const TokenBatch tokens = encode(vocabulary, sentences({word}));
    return encoder->ngram(tokens.ngram, tokens.ngram_offsets)[0];
  };
  const auto cosine = [&](const std::string& a, const std::string& b) {
    return at::cosine_similarity(vector(a), vector(b), 0).item<double>();
  };
  EXPECT_GT(cosine("rectanguler", "rectangular"), 0.4);
  EXPECT_LT(std::abs(cosine("rectanguler", "comfortable")), 0.3);
}

TEST(SentenceEncoder, TrainingReadsSomeWordsAsUnknown) {
  at::manual_seed(6);
  const Vocabulary vocabulary({"chair"}, 100);
  SentenceEncoderOptions options = tiny();
  options.words = 1;
  options.buckets = 100;
  options.unknown = 0.5;
  SentenceEncoder encoder(options);
  const TokenBatch tokens = encode(vocabulary, sentences(std::vector<std::string>(64, "chair")));
  const at::Tensor first = encoder(tokens).hops.select(1, 0);  // [64,2u]
  const int64_t kinds = std::get<0>(at::unique_dim(first.detach(), 0)).size(0);
  EXPECT_GE(kinds, 2);
  encoder->eval();
  const at::NoGradGuard no_grad;
  EXPECT_EQ(std::get<0>(at::unique_dim(encoder(tokens).hops.select(1, 0), 0)).size(0), 1);
}

TEST(SentenceEncoder, TenThousandWordsAndNone) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "word" + std::to_string(i % 300) + " ";
  const Vocabulary vocabulary = Vocabulary::of(sentences({text}));
  SentenceEncoder encoder = common_sizes(vocabulary);
  const at::NoGradGuard no_grad;
  const Sentences out = encoder(encode(vocabulary, sentences({text, "", "\xF0\x9F\xAA\x91"})));
  EXPECT_EQ(out.attention.size(0), 10'002);
  EXPECT_TRUE(at::isfinite(out.hops).all().item<bool>());
  EXPECT_TRUE(at::allclose(out.attention.narrow(0, 0, 10'000).sum(0), at::ones({6}), 0, 1e-4));
  EXPECT_TRUE(out.attention.narrow(0, 10'000, 2).equal(at::ones({2, 6})));
  EXPECT_TRUE(out.hops[1].equal(out.hops[2]));
}

TEST(SentenceEncoder, BadTokensAndOptionsAreRefused) {
  SentenceEncoder encoder(tiny());
  const TokenBatch good = sample_tokens(sample_vocabulary());
  const auto refuse = [&](const char* what, const std::function<void(TokenBatch&)>& spoil) {
    TokenBatch tokens = good;
    spoil(tokens);
    EXPECT_THROW(encoder(tokens), c10::ValueError) << what;
  };
  const auto longs = [](std::vector<int64_t> list) { return at::tensor(list, at::kLong); };
  refuse("word id", [](TokenBatch& t) { t.word = t.word + 5; });
  refuse("negative id", [](TokenBatch& t) { t.word = t.word - 1; });
  refuse("n-gram id", [](TokenBatch& t) { t.ngram = t.ngram + 11; });
  refuse("type", [](TokenBatch& t) { t.word = t.word.to(at::kInt); });
  refuse("no word", [&](TokenBatch& t) { t.offsets = longs({0, 2, 2, 9, 10}); });
  refuse("end", [&](TokenBatch& t) { t.offsets = longs({0, 2, 9}); });
  refuse("n-gram offsets", [](TokenBatch& t) { t.ngram_offsets = t.ngram_offsets + 1; });
  refuse("fewer offsets", [](TokenBatch& t) { t.ngram_offsets = t.ngram_offsets.narrow(0, 0, 4); });
  refuse("no sentence", [&](TokenBatch& t) { t = encode(sample_vocabulary(), {}); });
  nlohmann::json json = to_json(tiny());
  EXPECT_EQ(sentence_encoder_options_from_json(json).attention_hidden, 3);
  EXPECT_EQ(to_json(sentence_encoder_options_from_json(json)), json);
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, nlohmann::json>>{{"words", -1},
                                                           {"buckets", 0},
                                                           {"width", 1 << 30},
                                                           {"hops", "six"},
                                                           {"dropout", 1.0},
                                                           {"unknown", -0.1},
                                                           {"hiden", 3}}) {
    nlohmann::json bad = json;
    bad[key] = value;
    EXPECT_THROW(sentence_encoder_options_from_json(bad), c10::ValueError) << key;
  }
}

}  // namespace
}  // namespace pointattn::text
