// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/train_classifier.h"

#include "pointattn/core/files.h"
#include "pointattn/models/safetensors.h"
#include "tests/support/data.h"
#include "tests/text/intents.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace pointattn::text {
namespace {

using test::ScratchFolder;

TextTrainOptions small(int64_t epochs) {
  TextTrainOptions options;
  options.epochs = epochs;
  options.batch = 30;
  options.learning_rate = 4e-3;
  options.vocabulary.buckets = 2048;
  options.network.head = 64;
  SentenceEncoderOptions& encoder = options.network.encoder;
  encoder.width = encoder.hidden = encoder.attention_hidden = 32;
  encoder.hops = 4;
  return options;
}

double accuracy(const TextModel& model, const train::LabelledSentences& data) {
  const std::vector<Reading> readings = read_sentences(model, data.sentences);
  int64_t right = 0;
  for (size_t i = 0; i < readings.size(); ++i) right += readings[i].label == data.labels[i];
  return static_cast<double>(right) / static_cast<double>(readings.size());
}

/// One run that several cases look at.
class RobotOrders : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    result_ = new train::TrainResult(
        train_classifier(test::robot_orders(420, 1), small(15), {*folder_ / "run", false, {}}));
    model_ = new TextModel(load_text_model(path()));
  }
  static void TearDownTestSuite() {
    delete model_;
    delete result_;
    delete folder_;
  }
  static std::filesystem::path path() { return *folder_ / "run" / "best.safetensors"; }

  static ScratchFolder* folder_;
  static train::TrainResult* result_;
  static TextModel* model_;
};
ScratchFolder* RobotOrders::folder_ = nullptr;
train::TrainResult* RobotOrders::result_ = nullptr;
TextModel* RobotOrders::model_ = nullptr;

TEST_F(RobotOrders, AreUnderstood) {
  EXPECT_TRUE(result_->finished);
  EXPECT_EQ(result_->best_figures.at("sentences"), 42);
  EXPECT_GE(result_->best_figures.at("accuracy").get<double>(), 0.95);
  EXPECT_EQ(model_->card.at("held_out"), result_->best_figures);
  EXPECT_GE(accuracy(*model_, test::robot_orders(600, 2)), 0.95);
}

TEST_F(RobotOrders, AreUnderstoodWhenMisspelt) {
  const train::LabelledSentences data = test::misspelt(test::robot_orders(600, 3));
  int64_t unknown = 0;
  for (const std::string& sentence : data.sentences) {
    bool any = false;
    for (const Word& word : words_of(sentence)) any |= model_->vocabulary.id(word.text) == 0;
    unknown += any;
  }
  EXPECT_GT(unknown, 500);  // the words are unknown: only their n-grams tell
  EXPECT_GE(accuracy(*model_, data), 0.9);
}

TEST_F(RobotOrders, AMisspeltWordIsNearTheRightOneAfterTraining) {
  SentenceEncoder encoder = model_->network->encoder;
  const at::NoGradGuard no_grad;
  const auto vector = [&](const std::string& word) {
    const TokenBatch tokens = encode(model_->vocabulary, {words_of(word)});
    return (encoder->word(tokens.word) + encoder->ngram(tokens.ngram, tokens.ngram_offsets))[0];
  };
  const auto cosine = [&](const std::string& a, const std::string& b) {
    return at::cosine_similarity(vector(a), vector(b), 0).item<double>();
  };
  for (const auto& [misspelt, right] :
       {std::pair{"bathrom", "bathroom"}, {"vaccuum", "vacuum"}, {"cushoin", "cushion"}}) {
    ASSERT_EQ(model_->vocabulary.id(misspelt), 0);
    for (const char* other : {"station", "halt", "bottle", "dim"}) {
      EXPECT_GT(cosine(misspelt, right), cosine(misspelt, other)) << misspelt << ' ' << other;
    }
  }
}

TEST_F(RobotOrders, ReadingsFitTheirSentences) {
  const std::vector<std::string> sentences = {"Bring me the mug.", "", "\xF0\x9F\xAA\x91", "Stop"};
  const std::vector<Reading> readings = read_sentences(*model_, sentences);
  ASSERT_EQ(readings.size(), 4U);
  EXPECT_EQ(model_->classes[static_cast<size_t>(readings[0].label)], "fetch");
  EXPECT_EQ(readings[0].attention.sizes(), at::IntArrayRef({4, 4}));
  EXPECT_TRUE(at::allclose(readings[0].attention.sum(0), at::ones({4}), 0, 1e-5));
  EXPECT_EQ(readings[1].attention.sizes(), at::IntArrayRef({0, 4}));
  EXPECT_EQ(readings[1].label, readings[2].label);
  EXPECT_EQ(model_->classes[static_cast<size_t>(readings[3].label)], "stop");
  EXPECT_GT(readings[3].probability, 1.0 / 6);
  EXPECT_TRUE(read_sentences(*model_, {}).empty());
  try {
    (void)read_sentences(*model_, {"good", "b\xFF"});
    FAIL();
  } catch (const c10::ValueError& error) {
    EXPECT_STREQ(error.what_without_backtrace(),
                 "sentence 2: words_of: expected UTF-8, got the byte 0xff at position 1");
  }
}

TEST_F(RobotOrders, HostileModelFilesAreRefusedWithTheirPath) {
  const models::SafeTensors good = models::read_safetensors(path());
  const ScratchFolder folder;
  const auto refuse = [&](const char* key, const std::string& value, const std::string& message) {
    models::SafeTensors bad = good;
    if (value.empty()) {
      bad.metadata.erase(key);
    } else {
      bad.metadata[key] = value;
    }
    models::write_safetensors(folder / "bad.safetensors", bad);
    try {
      (void)load_text_model(folder / "bad.safetensors");
      ADD_FAILURE() << key << ' ' << value;
    } catch (const c10::Error& error) {
      const std::string text = error.what_without_backtrace();
      EXPECT_NE(text.find("bad.safetensors"), std::string::npos) << text;
      EXPECT_NE(text.find(message), std::string::npos) << text;
    }
  };
  for (const char* key : {"pointattn", "task", "architecture", "options", "vocabulary", "classes"})
    refuse(key, "", "'" + std::string(key) + "'");
  refuse("task", "segment", "expected a model for text, got one for segment");
  refuse("architecture", "pct", "got pct");
  refuse("pointattn", "2", "expected model format 1, got 2");
  refuse("classes", "{", "bad model metadata");
  refuse("classes", "[1, 2]", "bad model metadata");
  refuse("classes", R"(["one"])", "'scores.weight': expected shape");
  refuse("vocabulary", R"({"words": [], "buckets": 2048})", "options and vocabulary disagree");
  // Sizes of a terabyte each that the file does not hold.
  nlohmann::json options = nlohmann::json::parse(good.metadata.at("options"));
  for (const char* size : {"width", "hidden", "attention_hidden", "hops"}) {
    nlohmann::json huge = options;
    huge["encoder"][size] = 1 << 20;
    refuse("options", huge.dump(), "expected shape");
  }
  options["head"] = int64_t{1} << 40;
  refuse("options", options.dump(), "expected shape");

  const std::string bytes = read_file(path());
  write_file(folder / "cut.safetensors",
             [&](std::ostream& out) { out << bytes.substr(0, bytes.size() - 5); });
  EXPECT_THROW((void)load_text_model(folder / "cut.safetensors"), c10::Error);
}

TEST(TrainClassifier, TheSameSeedGivesTheSameModelAlsoWhenResumed) {
  const ScratchFolder folder;
  const train::LabelledSentences data = test::robot_orders(90, 4);
  train_classifier(data, small(3), {folder / "a", false, {}});
  // Stopped in the second epoch.
  int64_t steps = 0;
  train::TrainEvents events;
  events.stop = [&] { return ++steps == 5; };
  EXPECT_FALSE(train_classifier(data, small(3), {folder / "b", false, {}}, events).finished);
  EXPECT_TRUE(train_classifier(data, small(3), {folder / "b", true, {}}).finished);
  EXPECT_EQ(read_file(folder / "a" / "best.safetensors"),
            read_file(folder / "b" / "best.safetensors"));
  // Another seed keeps other sentences aside: not the same run.
  TextTrainOptions other = small(3);
  other.seed = 2;
  EXPECT_THROW(train_classifier(data, other, {folder / "b", true, {}}), c10::Error);
  EXPECT_THROW(train_classifier(data, small(3), {folder / "a", false, {}}), c10::ValueError);
}

TEST(TrainClassifier, ThePenaltyMakesHopsReadDifferentWords) {
  const train::LabelledSentences data = test::robot_orders(300, 5);
  const auto overlap = [&](double penalty) {
    const ScratchFolder folder;
    TextTrainOptions options = small(8);
    options.penalty = penalty;
    train_classifier(data, options, {folder / "run", false, {}});
    const TextModel model = load_text_model(folder / "run" / "best.safetensors");
    const at::NoGradGuard no_grad;
    TextClassifier network = model.network;
    return network(encode(model.vocabulary, words_of_all(data.sentences)))
        .penalty.mean()
        .item<double>();
  };
  EXPECT_LT(overlap(1.0), 0.7 * overlap(0.0));
}

TEST(TrainClassifier, OptionsAndDataThatMakeNoSenseAreRefused) {
  const ScratchFolder folder;
  const train::LabelledSentences data = test::robot_orders(24, 6);
  const auto refuse = [&](const char* what, const std::function<void(TextTrainOptions&)>& spoil) {
    TextTrainOptions options = small(1);
    spoil(options);
    EXPECT_THROW(train_classifier(data, options, {folder / "run", false, {}}), c10::ValueError)
        << what;
  };
  refuse("hold_out", [](TextTrainOptions& o) { o.hold_out = 1; });
  refuse("penalty", [](TextTrainOptions& o) { o.penalty = -1; });
  refuse("hops", [](TextTrainOptions& o) { o.network.encoder.hops = 0; });
  refuse("head", [](TextTrainOptions& o) { o.network.head = 0; });
  refuse("head_dropout", [](TextTrainOptions& o) { o.network.head_dropout = 1; });
  refuse("buckets", [](TextTrainOptions& o) { o.vocabulary.buckets = 0; });
  refuse("epochs", [](TextTrainOptions& o) { o.epochs = 0; });
  const train::LabelledSentences one{{"a", "b"}, {0, 0}, {"only"}};
  EXPECT_THROW(train_classifier(one, small(1), {folder / "run", false, {}}), c10::ValueError);
  train::LabelledSentences spoilt = data;
  spoilt.sentences[7] = "\xC3";
  EXPECT_THROW(train_classifier(spoilt, small(1), {folder / "run", false, {}}), c10::ValueError);
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
  // Nothing kept aside: the last epoch is the best.
  TextTrainOptions all = small(2);
  all.hold_out = 0;
  EXPECT_EQ(train_classifier(data, all, {folder / "all", false, {}}).best_epoch, 2);
}

}  // namespace
}  // namespace pointattn::text
