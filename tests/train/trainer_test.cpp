// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/trainer.h"

#include "pointattn/core/files.h"
#include "pointattn/models/model_file.h"
#include "pointattn/models/safetensors.h"
#include "pointattn/train/batches.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace pointattn::train {
namespace {

using models::Task;

/// Two kinds of boxes, tall and wide, with a lower and an upper half each.
class Boxes : public Dataset {
 public:
  explicit Boxes(int64_t size) : size_(size) {
    labels_ = {
        {{"Tall", 0, {{"bottom", {}}, {"top", {}}}}, {"Wide", 2, {{"bottom", {}}, {"top", {}}}}}};
  }
  int64_t size() const override { return size_; }
  int64_t category(int64_t index) const override { return index % 2; }
  const LabelMap& labels() const override { return labels_; }
  bool has_parts() const override { return true; }
  Sample get(int64_t index) const override {
    Random random(99, static_cast<uint64_t>(index));
    Sample sample;
    sample.category = category(index);
    sample.name = std::to_string(index);
    sample.xyz = at::empty({64, 3});
    float* row = sample.xyz.mutable_data_ptr<float>();
    for (int64_t i = 0; i < 64; ++i, row += 3) {
      for (int64_t d = 0; d < 3; ++d) {
        const double size = (d == 1) == (sample.category == 0) ? 0.8 : 0.3;
        row[d] = static_cast<float>(size * random.uniform(-1, 1));
      }
    }
    sample.part = sample.xyz.select(1, 1).gt(0).to(at::kLong) + 2 * sample.category;
    return sample;
  }

 private:
  int64_t size_;
  LabelMap labels_;
};

TrainOptions quick() {
  TrainOptions options;
  options.architecture = "pct";
  options.epochs = 4;
  options.batch = 4;
  options.points = 48;
  options.augment.any_pose = 0;
  return options;
}

std::vector<nlohmann::json> lines_of(const std::filesystem::path& file) {
  std::vector<nlohmann::json> lines;
  std::ifstream in(file);
  for (std::string text; std::getline(in, text);) lines.push_back(nlohmann::json::parse(text));
  return lines;
}

TEST(Split, KeepsSomeOfEveryCategoryAsideAndNoneTwice) {
  const Boxes data(11);
  const Split split = split_by_category(data, 2, 5);
  EXPECT_EQ(split.held_out.size(), 4U);
  std::set<int64_t> all(split.learn.begin(), split.learn.end());
  all.insert(split.held_out.begin(), split.held_out.end());
  EXPECT_EQ(all.size(), 11U);
  EXPECT_EQ(split.learn.size() + split.held_out.size(), 11U);
  const Split greedy = split_by_category(data, 100, 5);
  EXPECT_EQ(greedy.learn.size(), 2U);  // one of each category stays
}

TEST(Steps, CoverEveryShapeOnceAndNeverOneAlone) {
  const auto steps = steps_of({0, 1, 2, 3, 4, 5, 6, 7, 8}, 4, Random(1));
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].size(), 5U);
  std::set<int64_t> seen;
  for (const auto& step : steps) seen.insert(step.begin(), step.end());
  EXPECT_EQ(seen.size(), 9U);
}

TEST(Trainer, LearnsAndLeavesEverythingBehind) {
  const test::ScratchFolder folder;
  TrainOptions options = quick();
  options.epochs = 8;
  options.architecture = "pct_unet";
  int64_t steps = 0;
  TrainEvents events;
  events.step = [&](const StepReport& report) {
    ++steps;
    EXPECT_GT(report.shapes_per_second, 0);
  };
  const Boxes data(18);
  const TrainResult result =
      train(Task::kSegment, data, options, {folder.path(), false, {{"data", "boxes"}}}, events);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(steps, 8 * 4);
  EXPECT_GT(result.best_figures.at("accuracy").get<double>(), 0.8);
  const auto lines = lines_of(folder / "metrics.jsonl");
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_LT(lines.back()["loss"].get<double>(), lines.front()["loss"].get<double>());
  const models::Model model = models::load_model(folder / "best.safetensors");
  EXPECT_EQ(model.card.at("data"), "boxes");
  EXPECT_EQ(model.card.at("epoch"), result.best_epoch);
  EXPECT_NE(read_file(folder / "metrics.csv").find("epoch,loss"), std::string::npos);
  EXPECT_EQ(
      to_json(train_options_from_json(nlohmann::json::parse(read_file(folder / "options.json")))),
      to_json(options));
}

/// Every tensor of the last state of a run.
std::map<std::string, at::Tensor> state_of(const std::filesystem::path& folder) {
  return models::read_safetensors(folder / "last.safetensors").tensors;
}

void expect_same_run(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto one = state_of(a);
  const auto two = state_of(b);
  ASSERT_EQ(one.size(), two.size());
  for (const auto& [name, tensor] : one) EXPECT_TRUE(tensor.equal(two.at(name))) << name;
  const auto lines = lines_of(a / "metrics.jsonl");
  const auto others = lines_of(b / "metrics.jsonl");
  ASSERT_EQ(lines.size(), others.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i]["loss"], others[i]["loss"]) << i;
    EXPECT_EQ(lines[i]["held_out"], others[i]["held_out"]) << i;
  }
}

class Resume : public testing::TestWithParam<std::tuple<const char*, const char*, Task>> {};

TEST_P(Resume, GoesOnBitForBit) {
  const test::ScratchFolder folder;
  const Boxes data(12);
  TrainOptions options = quick();
  options.optimizer = std::get<0>(GetParam());
  options.architecture = std::get<1>(GetParam());
  const Task task = std::get<2>(GetParam());
  ASSERT_TRUE(train(task, data, options, {folder / "whole"}).finished);
  // Stopped in the middle of the third epoch, as by Ctrl-C.
  int64_t steps = 0;
  TrainEvents events;
  events.stop = [&] { return ++steps == 7; };
  EXPECT_FALSE(train(task, data, options, {folder / "parts"}, events).finished);
  EXPECT_EQ(lines_of(folder / "parts" / "metrics.jsonl").size(), 2U);
  EXPECT_TRUE(train(task, data, options, {folder / "parts", true}).finished);
  expect_same_run(folder / "whole", folder / "parts");
}

INSTANTIATE_TEST_SUITE_P(All,
                         Resume,
                         testing::Values(std::tuple{"adamw", "pct", Task::kSegment},
                                         std::tuple{"sgd", "pct", Task::kSegment},
                                         std::tuple{"adamw", "pct_unet", Task::kSegment},
                                         std::tuple{"adamw", "pct", Task::kClassify}));

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

TEST(Trainer, RefusesWhatMakesNoSense) {
  const test::ScratchFolder folder;
  const Boxes data(6);
  const auto with = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options = quick();
    change(options);
    return error_of([&] { train(Task::kSegment, data, options, {folder / "x"}); });
  };
  EXPECT_NE(with([](TrainOptions& o) { o.epochs = 0; }).find("epochs"), std::string::npos);
  EXPECT_NE(with([](TrainOptions& o) { o.learning_rate = -1; }).find("learning_rate"),
            std::string::npos);
  EXPECT_NE(with([](TrainOptions& o) { o.optimizer = "adam"; }).find("adamw or sgd"),
            std::string::npos);
  EXPECT_NE(with([](TrainOptions& o) { o.architecture = "pc"; }).find("unknown architecture"),
            std::string::npos);
  EXPECT_NE(with([](TrainOptions& o) { o.average = 1; }).find("average"), std::string::npos);
  EXPECT_NE(with([](TrainOptions& o) { o.schedule.kind = "up"; }).find("cosine"),
            std::string::npos);
}

TEST(Trainer, ProtectsARunFromAnother) {
  const test::ScratchFolder folder;
  const Boxes data(6);
  TrainOptions options = quick();
  options.epochs = 1;
  train(Task::kSegment, data, options, {folder / "run"});
  EXPECT_NE(
      error_of([&] { train(Task::kSegment, data, options, {folder / "run"}); }).find("another run"),
      std::string::npos);
  options.seed = 2;
  EXPECT_NE(error_of([&] {
              train(Task::kSegment, data, options, {folder / "run", true});
            }).find("seed"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              train(Task::kSegment, data, options, {folder / "none", true});
            }).find("none"),
            std::string::npos);
}

}  // namespace
}  // namespace pointattn::train
