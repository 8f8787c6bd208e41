// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>

namespace pointattn::test {
namespace {

using Arguments = std::vector<std::string>;

TEST(Train, WhatItWritesCanBeEvaluatedAndUsed) {
  const ScratchFolder folder;
  const Arguments data = {"--data", "procedural:chair,mug", "--shapes", "8"};
  Arguments train = {"train",
                     "segment",
                     "--model",
                     "spct",
                     "--epochs",
                     "1",
                     "--batch",
                     "4",
                     "--points",
                     "128",
                     "-o",
                     "run"};
  train.insert(train.end(), data.begin(), data.end());
  const Call trained = pointattn(train, folder.path());
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::string weights = (folder / "run" / "best.safetensors").string();
  ASSERT_TRUE(std::filesystem::exists(weights)) << trained.out;

  for (const char* category : {"known", "auto"}) {
    Arguments eval = {"eval",
                      "segment",
                      "--weights",
                      weights,
                      "--category",
                      category,
                      "--points",
                      "256",
                      "--json",
                      "-"};
    eval.insert(eval.end(), data.begin(), data.end());
    const Call evaluated = pointattn(eval, folder.path());
    ASSERT_EQ(evaluated.code, 0) << evaluated.err;
    const auto json = nlohmann::json::parse(evaluated.out);
    std::set<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.insert(key);
    std::set<std::string> expected = {
        "accuracy", "instance_miou", "class_miou", "shapes", "per_category"};
    if (category == std::string("auto")) expected.insert("category_accuracy");
    EXPECT_EQ(keys, expected);
    EXPECT_EQ(json.at("shapes"), 8);
    EXPECT_EQ(json.at("per_category").size(), 2U);
    EXPECT_EQ(pointattn(eval, folder.path()).out, evaluated.out);
  }

  ASSERT_EQ(pointattn({"generate", "mug", "--unlabelled"}, folder.path()).code, 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().extension() != ".ply") continue;
    const Call used = pointattn(
        {"segment", entry.path().string(), "-o", "out.ply", "--weights", weights}, folder.path());
    EXPECT_EQ(used.code, 0) << used.err;
    break;
  }
}

TEST(Train, AFolderWithAnotherRunIsNotOverwritten) {
  const ScratchFolder folder;
  const Arguments train = {"train",
                           "classify",
                           "--model",
                           "spct",
                           "--epochs",
                           "1",
                           "--points",
                           "64",
                           "-o",
                           "run",
                           "--data",
                           "procedural:chair,mug",
                           "--shapes",
                           "6",
                           "--quiet"};
  ASSERT_EQ(pointattn(train, folder.path()).code, 0);
  const Call again = pointattn(train, folder.path());
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(lines(again.err), 1) << again.err;
}

TEST(Eval, ClassificationSaysHowWellItsFeatureRetrieves) {
  const ScratchFolder folder;
  const Arguments data = {"--data", "procedural:chair,mug", "--shapes", "6", "--points", "64"};
  Arguments train = {
      "train", "classify", "--model", "spct", "--epochs", "1", "-o", "run", "--quiet"};
  train.insert(train.end(), data.begin(), data.end());
  ASSERT_EQ(pointattn(train, folder.path()).code, 0);
  Arguments eval = {
      "eval", "classify", "--weights", "run/best.safetensors", "--split", "all", "--quiet"};
  eval.insert(eval.end(), data.begin(), data.end());
  const Call text = pointattn(eval, folder.path());
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("mAP "), std::string::npos) << text.out;
  eval.insert(eval.end(), {"--json", "-"});
  const auto json = nlohmann::json::parse(pointattn(eval, folder.path()).out);
  EXPECT_EQ(json.at("shapes"), 6);
  EXPECT_GT(json.at("retrieval_map").get<double>(), 0.32);  // 0.325: relevant ones last
  EXPECT_LE(json.at("retrieval_map").get<double>(), 1.0);
}

TEST(Eval, UnknownDataIsOneLine) {
  const ScratchFolder folder;
  write_model(folder / "m.safetensors");
  const Call call = pointattn(
      {"eval", "segment", "--data", "prozedural", "--weights", "m.safetensors"}, folder.path());
  EXPECT_EQ(call.code, 1);
  EXPECT_EQ(lines(call.err), 1) << call.err;
}

}  // namespace
}  // namespace pointattn::test
