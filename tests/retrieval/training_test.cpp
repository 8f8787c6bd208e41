// SPDX-License-Identifier: Apache-2.0
#include "datasets/captions.h"
#include "pointattn/core/files.h"
#include "pointattn/models/safetensors.h"
#include "pointattn/retrieval/encoder.h"
#include "pointattn/retrieval/evaluate.h"
#include "pointattn/retrieval/trainer.h"
#include "tests/retrieval/galleries.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

namespace pointattn::retrieval {
namespace {

using test::ScratchFolder;

RetrievalTrainOptions small(int64_t epochs) {
  RetrievalTrainOptions options;
  options.epochs = epochs;
  options.batch = 16;
  options.learning_rate = 3e-3;
  options.average = 0.9;
  options.hold_out = 24;
  options.captions = 2;
  options.points = 64;
  options.pool = 128;
  ShapeEncoderOptions& shape = options.network.shape;
  shape.channels = shape.features = shape.hidden = 32;
  shape.parts = 3;
  text::SentenceEncoderOptions& text = options.network.text;
  text.width = text.hidden = text.attention_hidden = 24;
  text.hops = 2;
  text.buckets = 512;
  options.network.width = 32;
  return options;
}

/// One run that several cases look at.
class TrainedOnGeneratedShapes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    const auto data = datasets::generated_captions(176, 4, 1);
    result_ = new train::TrainResult(
        train_retrieval(*data, small(8), nullptr, {*folder_ / "run", false, {}}));
    encoder_ = new Encoder(load_retrieval_model(path()), "tiny");
  }
  static void TearDownTestSuite() {
    delete encoder_;
    delete result_;
    delete folder_;
  }
  static std::filesystem::path path() { return *folder_ / "run" / "best.safetensors"; }

  static ScratchFolder* folder_;
  static train::TrainResult* result_;
  static Encoder* encoder_;
};
ScratchFolder* TrainedOnGeneratedShapes::folder_ = nullptr;
train::TrainResult* TrainedOnGeneratedShapes::result_ = nullptr;
Encoder* TrainedOnGeneratedShapes::encoder_ = nullptr;

TEST_F(TrainedOnGeneratedShapes, FindsShapesThatItNeverSawFarAboveChance) {
  ASSERT_TRUE(result_->finished);
  EXPECT_EQ(result_->best_figures.at("shapes"), 24);
  for (const char* direction : {"text_to_shape", "shape_to_text"}) {
    const nlohmann::json& figures = result_->best_figures.at(direction);
    EXPECT_GE(figures.at("recall_at_5").get<double>(), 0.5) << direction;  // chance: 0.21
    EXPECT_LE(figures.at("median_rank").get<double>(), 6) << direction;
  }
}

TEST_F(TrainedOnGeneratedShapes, TheFileGivesTheFiguresOfTheRunAgain) {
  const RetrievalModel model = load_retrieval_model(path());
  EXPECT_EQ(model.fingerprint.size(), 16U);
  EXPECT_EQ(model.points, 64);
  EXPECT_EQ(model.guide, "");
  EXPECT_EQ(to_json(model.options).at("score").at("whole"), true);
  EXPECT_EQ(model.card.at("held_out"), result_->best_figures);
  const ScratchFolder folder;
  save_retrieval_model(folder / "again.safetensors", model);
  EXPECT_EQ(read_file(folder / "again.safetensors"), read_file(path()));
}

TEST_F(TrainedOnGeneratedShapes, EachKindOfScoreRanksWithTheSameEmbeddings) {
  const auto data = datasets::generated_captions(44, 2, 9);
  RetrievalModel model = load_retrieval_model(path());
  const ShapePools pools = make_shape_pools(*data, 64, 1);
  std::vector<int64_t> all(44);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  for (const matching::ScoreKind& kind : matching::score_kinds()) {
    matching::ScoreOptions score = model.options.score;
    score.kind = kind.name;
    const train::RetrievalFigures figures = evaluate_retrieval(
        model.network, *model.vocabulary, *data, pools, all, model.points, score);
    EXPECT_EQ(figures.shapes, 44);
    EXPECT_EQ(figures.text_to_shape.queries, figures.captions);
    EXPECT_GE(figures.text_to_shape.recall_at_10, 0.45) << kind.name;  // chance: 0.23
  }
}

TEST_F(TrainedOnGeneratedShapes, AnEmbeddingNamesItsRowsAndSharesItsAttention) {
  const at::Tensor xyz = datasets::generated_captions(1, 1, 5)->points(0, 700, Random(1, 2));
  const ShapeEmbedding shape = encoder_->shape(xyz);
  EXPECT_EQ(shape.parts.sizes(), at::IntArrayRef({4, 32}));
  EXPECT_TRUE(at::allclose(shape.parts.norm(2, -1), at::ones({4}), 0, 1e-5));
  EXPECT_EQ(shape.points.sizes(), at::IntArrayRef({64, 3}));
  EXPECT_EQ(shape.attention.sizes(), at::IntArrayRef({64, 4}));
  EXPECT_TRUE(at::allclose(shape.attention.sum(0), at::ones({4}), 0, 1e-5));
  EXPECT_EQ(shape.part_names, (std::vector<std::string>{"whole", "", "", ""}));
  EXPECT_EQ(encoder_->identity().parts, 4);
  const auto nearness = [&](const at::Tensor& other) {
    return (shape.parts * encoder_->shape(other).parts).sum(-1).min().item<double>();
  };
  EXPECT_GT(nearness(xyz * 250.0 + 1000.0), 0.999) << "neither unit nor place count";
  // Another order has other points taken of the cloud.
  EXPECT_GT(nearness(xyz.flip(0)), 0.95);
  EXPECT_THROW((void)encoder_->shape(at::empty({0, 3})), c10::ValueError);
  EXPECT_THROW((void)encoder_->shape(at::full({5, 3}, std::nan(""))), c10::ValueError);
}

TEST_F(TrainedOnGeneratedShapes, SentencesOfAnyKindAreRead) {
  const TextEmbedding plain = encoder_->text("a table with four legs");
  EXPECT_EQ(plain.words.size(), 5U);
  EXPECT_EQ(plain.phrases.sizes(), at::IntArrayRef({3, 32}));
  EXPECT_EQ(plain.attention.sizes(), at::IntArrayRef({5, 3}));
  for (const char* odd :
       {"", "   ", "椅子と机", "стул с четырьмя ножками", "\xF0\x9F\xAA\x91", "!?"}) {
    const TextEmbedding read = encoder_->text(odd);
    EXPECT_TRUE(at::isfinite(read.phrases).all().item<bool>()) << odd;
    EXPECT_EQ(read.attention.size(0), static_cast<int64_t>(read.words.size())) << odd;
  }
  std::string novel;
  for (int i = 0; i < 2500; ++i) novel += "a round wooden table ";
  const TextEmbedding read = encoder_->text(novel);
  EXPECT_EQ(read.words.size(), 10'000U);
  EXPECT_TRUE(at::allclose(read.attention.sum(0), at::ones({3}), 0, 1e-4));
  EXPECT_THROW((void)encoder_->text("a\xFF"), c10::ValueError);
}

TEST_F(TrainedOnGeneratedShapes, HostileModelFilesAreRefusedWithTheirPath) {
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
    const std::string text =
        test::message_of([&] { (void)load_retrieval_model(folder / "bad.safetensors"); });
    EXPECT_NE(text.find("bad.safetensors"), std::string::npos)
        << key << ' ' << value << ": " << text;
    EXPECT_NE(text.find(message), std::string::npos) << text;
  };
  for (const char* key : {"pointattn", "task", "options", "points", "vocabulary"})
    refuse(key, "", "'" + std::string(key) + "'");
  refuse("task", "segment", "segment");
  refuse("pointattn", "2", "format");
  refuse("points", "0", "points");
  refuse("points", "99999999999999", "points");
  refuse("points", "[]", "metadata");
  refuse("vocabulary", R"({"words": [], "buckets": 512})", "vocabulary");
  // Sizes of gigabytes that the file does not hold.
  const nlohmann::json options = nlohmann::json::parse(good.metadata.at("options"));
  for (const auto& [side, name] : {std::pair{"shape", "channels"},
                                   {"shape", "features"},
                                   {"shape", "parts"},
                                   {"shape", "hidden"},
                                   {"text", "width"},
                                   {"text", "hidden"},
                                   {"text", "hops"},
                                   {"text", "attention_hidden"}}) {
    nlohmann::json huge = options;
    huge[side][name] = 60'000;
    refuse("options", huge.dump(), "expected shape");
  }
  nlohmann::json unknown = options;
  unknown["score"]["kind"] = "guess";
  refuse("options", unknown.dump(), "guess");
  const std::string bytes = read_file(path());
  write_file(folder / "cut.safetensors",
             [&](std::ostream& out) { out << bytes.substr(0, bytes.size() - 5); });
  EXPECT_THROW((void)load_retrieval_model(folder / "cut.safetensors"), c10::Error);
}

TEST(TrainRetrieval, TheSameSeedGivesTheSameModelAlsoWhenResumed) {
  const ScratchFolder folder;
  const auto data = datasets::generated_captions(66, 2, 3);
  train_retrieval(*data, small(2), nullptr, {folder / "a", false, {}});
  int64_t steps = 0;
  train::TrainEvents events;
  events.stop = [&] { return ++steps == 4; };  // in the second epoch
  EXPECT_FALSE(
      train_retrieval(*data, small(2), nullptr, {folder / "b", false, {}}, events).finished);
  EXPECT_TRUE(train_retrieval(*data, small(2), nullptr, {folder / "b", true, {}}).finished);
  EXPECT_EQ(read_file(folder / "a" / "best.safetensors"),
            read_file(folder / "b" / "best.safetensors"));
}

TEST(TrainRetrieval, ASegmenterGuidesItsPartsAndNamesThem) {
  const ScratchFolder folder;
  const auto data = datasets::generated_captions(44, 2, 4);
  const std::filesystem::path weights =
      std::filesystem::path(POINTATTN_ROOT_FOLDER) / "weights" / "psb_parts.safetensors";
  const models::Segmenter segmenter{models::load_model(weights)};
  RetrievalTrainOptions options = small(1);
  options.network.shape.parts = 5;
  options.guide = "psb_parts.safetensors";
  train_retrieval(*data, options, &segmenter, {folder / "run", false, {}});
  RetrievalModel model = load_retrieval_model(folder / "run" / "best.safetensors");
  EXPECT_EQ(model.guide, "psb_parts.safetensors");
  EXPECT_THROW(Encoder(model, "guided"), c10::ValueError);
  const Encoder encoder(model, "guided", models::Segmenter{models::load_model(weights)});
  EXPECT_EQ(encoder.shape(data->points(0, 500, Random(1, 2))).parts.size(0), 6);
}

TEST(TrainRetrieval, OptionsThatMakeNoSenseAreRefused) {
  const ScratchFolder folder;
  const auto data = datasets::generated_captions(44, 2, 5);
  const auto refuse = [&](const char* what,
                          const std::function<void(RetrievalTrainOptions&)>& spoil) {
    RetrievalTrainOptions options = small(1);
    spoil(options);
    EXPECT_THROW(train_retrieval(*data, options, nullptr, {folder / "run", false, {}}),
                 c10::ValueError)
        << what;
  };
  refuse("points", [](RetrievalTrainOptions& o) { o.points = 0; });
  refuse("pool", [](RetrievalTrainOptions& o) { o.pool = o.points - 1; });
  refuse("captions", [](RetrievalTrainOptions& o) { o.captions = 0; });
  refuse("loss", [](RetrievalTrainOptions& o) { o.loss = "guess"; });
  refuse("hold_out", [](RetrievalTrainOptions& o) { o.hold_out = 43; });
  refuse("kind", [](RetrievalTrainOptions& o) { o.network.score.kind = "guess"; });
  refuse("parts", [](RetrievalTrainOptions& o) { o.network.shape.parts = -1; });
  refuse("patches", [](RetrievalTrainOptions& o) { o.network.shape.patches = -1; });
  refuse("neighbors", [](RetrievalTrainOptions& o) { o.network.shape.neighbors = 0; });
  refuse("teacher", [](RetrievalTrainOptions& o) { o.teacher = -1; });
  refuse("a teacher of parts alone", [](RetrievalTrainOptions& o) {
    o.teacher = 1;
    o.network.shape.whole = o.network.text.whole = o.network.score.whole = false;
  });
  refuse("hops", [](RetrievalTrainOptions& o) { o.network.text.hops = -1; });
  refuse("width", [](RetrievalTrainOptions& o) { o.network.width = 0; });
  EXPECT_FALSE(std::filesystem::exists(folder / "run"));
}

TEST(TrainRetrieval, PatchesWithATeacherLearnAndLeaveNoTeacherBehind) {
  const ScratchFolder folder;
  const auto data = datasets::generated_captions(176, 4, 1);
  RetrievalTrainOptions options = small(8);
  options.network.shape.patches = 24;
  options.network.shape.neighbors = 6;
  options.teacher = 1;
  const train::TrainResult result =
      train_retrieval(*data, options, nullptr, {folder / "run", false, {}});
  ASSERT_TRUE(result.finished);
  EXPECT_GE(result.best_figures.at("text_to_shape").at("recall_at_5").get<double>(), 0.5);
  RetrievalModel model = load_retrieval_model(folder / "run" / "best.safetensors");
  EXPECT_EQ(model.options.shape.patches, 24);
  for (const auto& item : model.network->named_parameters()) {
    EXPECT_EQ(item.key().find("teacher"), std::string::npos) << item.key();
  }
  // Attention to patches is one to points: each column sums to one, with fewer points than patches too.
  const Encoder encoder(model, "patched");
  for (const int64_t points : {500, 20, 1}) {
    const ShapeEmbedding shape = encoder.shape(data->points(0, points, Random(1, 2)));
    EXPECT_EQ(shape.attention.size(0), std::min<int64_t>(points, 64));
    EXPECT_TRUE(at::allclose(shape.attention.sum(0), at::ones({4}), 0, 1e-5)) << points;
  }
}

TEST(TrainRetrieval, TheTripletLossLearnsToo) {
  const ScratchFolder folder;
  const auto data = datasets::generated_captions(88, 2, 6);
  RetrievalTrainOptions options = small(8);
  options.loss = "triplet";
  std::vector<double> losses;
  train::TrainEvents events;
  events.epoch = [&](const train::EpochReport& report) { losses.push_back(report.loss); };
  train_retrieval(*data, options, nullptr, {folder / "run", false, {}}, events);
  EXPECT_LT(losses.back(), 0.9 * losses.front());
}

}  // namespace
}  // namespace pointattn::retrieval
