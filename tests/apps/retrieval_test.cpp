// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "pointattn/retrieval/model.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pointattn::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A small retrieval model with random weights, which `seed` tells from others.
void write_retrieval_model(const fs::path& path, uint64_t seed) {
  at::manual_seed(seed);
  retrieval::RetrievalModel model;
  model.options.shape = {16, 32, 4, 8, 2};
  model.options.width = 16;
  model.options.text.words = 3;
  model.options.text.buckets = 64;
  model.options.text.width = 8;
  model.options.text.hidden = 8;
  model.options.text.attention_hidden = 8;
  model.options.text.hops = 3;
  model.points = 64;
  model.vocabulary = std::make_shared<const text::Vocabulary>(
      std::vector<std::string>{"chair", "leg", "table"}, 64);
  model.network = retrieval::RetrievalNetwork(model.options);
  retrieval::save_retrieval_model(path, model);
}

/// Clouds of three heights and a gallery of them.
class RetrievalProgram : public testing::Test {
 protected:
  void SetUp() override {
    write_retrieval_model(folder / "m.safetensors", 1);
    fs::create_directory(folder / "clouds");
    for (const int height : {1, 2, 5}) {
      io::Cloud cloud = box_cloud(300);
      cloud.set("z", cloud.find("z")->values * height);
      io::write_cloud(folder / "clouds" / ("box" + std::to_string(height) + ".ply"), cloud);
    }
  }
  Call embed(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "embed");
    arguments.insert(arguments.end(), {"-o", "g", "--weights", "m.safetensors"});
    return pointattn(arguments, folder.path());
  }
  Call search(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"search", "g", "--weights", "m.safetensors"});
    return pointattn(arguments, folder.path());
  }
  ScratchFolder folder;
};

TEST_F(RetrievalProgram, EmbedsFoldersAndExtends) {
  const Call first = embed({"clouds/box1.ply", "--json", "-"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(json::parse(first.out).at("shapes"), 1);
  const Call all = embed({"clouds", "--thumbnails", "--json", "-"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(json::parse(all.out).at("added"), 3);
  EXPECT_EQ(json::parse(all.out).at("shapes"), 3) << "box1 is replaced, not doubled";
  EXPECT_TRUE(has(embed({"clouds"}).out, "3 shapes added"));
}

TEST_F(RetrievalProgram, GoesOnAfterAFileThatCannotBeRead) {
  write_file(folder / "clouds" / "bad.ply", [](std::ostream& out) { out << "no cloud"; });
  const Call call = embed({"clouds", "--json", "-"});
  EXPECT_EQ(call.code, 1);
  EXPECT_EQ(lines(call.err), 1) << call.err;
  EXPECT_TRUE(has(call.err, "bad.ply")) << call.err;
  const json summary = json::parse(call.out);
  EXPECT_EQ(summary.at("shapes"), 3);
  EXPECT_EQ(summary.at("failed").size(), 1U);
}

TEST_F(RetrievalProgram, FindsTheShapeItself) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  for (const std::string name : {"clouds/box1.ply", "clouds/box5.ply"}) {
    const Call call = search({"--like", name, "-k", "2", "--json", "-"});
    EXPECT_EQ(call.code, 0) << call.err;
    const json list = json::parse(call.out);
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].at("id"), name);
    EXPECT_NEAR(list[0].at("score").get<double>(), 1, 1e-2);
    EXPECT_EQ(list[0].at("parts").size(), 4U);
  }
  const Call part = search({"--like", "clouds/box5.ply", "--part", "part 2", "--json", "-"});
  EXPECT_EQ(part.code, 0) << part.err;
  EXPECT_EQ(json::parse(part.out)[0].at("parts").size(), 1U);
  EXPECT_EQ(json::parse(part.out).size(), 3U) << "no more than there are";
}

TEST_F(RetrievalProgram, WordsGiveARankedListAndWhatMetWhat) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  const Call text = search({"a chair with thin legs", "-k", "3"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(lines(text.out), 3) << text.out;
  EXPECT_TRUE(has(text.out, "clouds/box2.ply")) << text.out;
  const Call call = search({"a chair with thin legs", "--json", "-"});
  const json list = json::parse(call.out);
  ASSERT_EQ(list.size(), 3U);
  double before = 2;
  for (const json& hit : list) {
    EXPECT_LE(hit.at("score").get<double>(), before);
    before = hit.at("score").get<double>();
    ASSERT_EQ(hit.at("parts").size(), 3U) << "one a phrase";
    for (const json& part : hit.at("parts")) {
      EXPECT_FALSE(part.at("words").get<std::string>().empty());
      EXPECT_FALSE(part.at("part").get<std::string>().empty());
      EXPECT_GT(part.at("weight").get<double>(), 0);
      EXPECT_LE(part.at("weight").get<double>(), 1 + 1e-6);
    }
  }
}

TEST_F(RetrievalProgram, TakesLongAndForeignTexts) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  std::string words;
  for (int i = 0; i < 10'000; ++i) words += "leg ";
  for (const std::string& text :
       {words, std::string("椅子 с четырьмя ножками"), std::string("chair \xF0\x9F\xAA\x91")}) {
    const Call call = search({text, "-k", "1"});
    EXPECT_EQ(call.code, 0) << call.err;
    EXPECT_EQ(lines(call.out), 1) << call.out;
  }
}

TEST_F(RetrievalProgram, CallsThatCannotBeMeantAreOneLineAndCodeTwo) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{""}, "expected what to look for"},
      {{"  "}, "the query is empty"},
      {{"?!"}, "no word in the query"},
      {{"chair", "-k", "0"}, "-k"},
      {{"chair", "--like", "clouds/box1.ply"}, "got both"},
      {{"chair", "--part", "leg"}, "expected --like"},
      {{"--like", "clouds/box1.ply", "--part", "part 9"}, "part 1 to part 4"},
  };
  for (const auto& [arguments, message] : calls) {
    const Call call = search(arguments);
    EXPECT_EQ(call.code, 2) << message;
    EXPECT_EQ(call.out, "");
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(has(call.err, message)) << call.err;
  }
}

TEST_F(RetrievalProgram, AnotherModelIsRefused) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  write_retrieval_model(folder / "n.safetensors", 2);
  const std::vector<std::vector<std::string>> calls = {
      {"search", "g", "chair", "--weights", "n.safetensors"},
      {"embed", "clouds", "-o", "g", "--weights", "n.safetensors"}};
  for (const auto& arguments : calls) {
    const Call call = pointattn(arguments, folder.path());
    EXPECT_EQ(call.code, 1);
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(has(call.err, "m.safetensors, not with n.safetensors")) << call.err;
  }
  EXPECT_EQ(
      pointattn({"search", "none", "chair", "--weights", "m.safetensors"}, folder.path()).code, 1);
}

}  // namespace
}  // namespace pointattn::test
