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

/// A small retrieval model with random weights, which `seed` tells from others.
void write_retrieval_model(const fs::path& path, uint64_t seed, bool whole = false) {
  at::manual_seed(seed);
  retrieval::RetrievalModel model;
  model.options.shape = {16, 32, 4, whole, 8, 2};
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

TEST_F(RetrievalProgram, AMistypedPathMakesNoGallery) {
  const Call call = embed({"cloud", "cluods"});
  EXPECT_EQ(call.code, 1);
  EXPECT_TRUE(has(call.err, "cannot read cloud: no such file")) << call.err;
  EXPECT_EQ(lines(call.err), 1) << call.err;
  EXPECT_FALSE(fs::exists(folder / "g"));
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

TEST_F(RetrievalProgram, APartIsMetByPartsAndTheWholeByWholes) {
  write_retrieval_model(folder / "m.safetensors", 1, /*whole=*/true);
  ASSERT_EQ(embed({"clouds"}).code, 0);
  for (const std::string part : {"part 2", "whole"}) {
    const Call call = search({"--like", "clouds/box5.ply", "--part", part, "--json", "-"});
    EXPECT_EQ(call.code, 0) << call.err;
    const json list = json::parse(call.out);
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0].at("id"), "clouds/box5.ply");
    for (const json& hit : list) {
      EXPECT_EQ(hit.at("parts").at(0).at("words"), part);
      EXPECT_EQ(hit.at("parts").at(0).at("part") == "whole", part == "whole");
      EXPECT_GT(hit.at("parts").at(0).at("weight").get<double>(), 0);
    }
  }
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

/// The JSON that a page holds.
json data_of(const fs::path& page) {
  const std::string text = read_file(page);
  const std::string open = R"(<script type="application/json" id="data">)";
  const size_t begin = text.find(open) + open.size();
  return json::parse(text.substr(begin, text.find("</script>", begin) - begin));
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(RetrievalProgram, ExplainsWhatItFound) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  const Call call = search({"a chair with thin legs", "--explain", "why.html", "-k", "2"});
  EXPECT_EQ(call.code, 0) << call.err;
  EXPECT_EQ(call.err, "");
  const json page = data_of(folder / "why.html");
  EXPECT_EQ(page.at("title"), "“a chair with thin legs”");
  ASSERT_EQ(page.at("hits").size(), 2U);
  for (const json& hit : page.at("hits")) {
    EXPECT_EQ(hit.at("words").size(), 5U);
    EXPECT_EQ(hit.at("note"), "");
    EXPECT_EQ(hit.at("sketch").at("parts").size(), 300U) << "all points of the file";
    double all = 0;
    for (const json& part : hit.at("parts")) all += part.at(1).get<double>();
    EXPECT_NEAR(all, 1, 0.01);
  }
  // By a cloud: what was asked with is drawn too.
  ASSERT_EQ(search({"--like", "clouds/box2.ply", "--explain", "like.html"}).code, 0);
  EXPECT_EQ(data_of(folder / "like.html").at("shape").at("name"), "box2.ply");
}

TEST_F(RetrievalProgram, ExplanationsHoldTextsOfStrangersAsTexts) {
  const std::string hostile = "\"</script><script>alert(1)</script>\" chair";
  fs::rename(folder / "clouds" / "box5.ply", folder / "clouds" / "<script>&x.ply");
  ASSERT_EQ(embed({"clouds"}).code, 0);
  ASSERT_EQ(search({"chair", "--explain", "plain.html"}).code, 0);
  const Call call = search({hostile, "--explain", "why.html", "--html", "view.html"});
  EXPECT_EQ(call.code, 0) << call.err;
  const std::string page = read_file(folder / "why.html");
  for (const char* tag : {"<script", "</script"})
    EXPECT_EQ(count(page, tag), count(read_file(folder / "plain.html"), tag)) << tag;
  EXPECT_EQ(data_of(folder / "why.html").at("title"), "“" + hostile + "”");
  EXPECT_EQ(count(read_file(folder / "view.html"), "<script>&x"), 0U);
}

TEST_F(RetrievalProgram, FilesThatAreGoneOrChangedAreDrawnFromTheGallery) {
  ASSERT_EQ(embed({"clouds", "--sketch-points", "50"}).code, 0);
  fs::remove(folder / "clouds" / "box1.ply");
  io::write_cloud(folder / "clouds" / "box2.ply", box_cloud(40));
  const Call call = search({"chair", "--explain", "why.html", "-k", "3"});
  EXPECT_EQ(call.code, 0) << call.err;
  EXPECT_EQ(lines(call.err), 2) << call.err;
  for (const json& hit : data_of(folder / "why.html").at("hits")) {
    const bool whole = hit.at("name") == "clouds/box5.ply";
    EXPECT_EQ(hit.at("sketch").at("parts").size(), whole ? 300U : 50U) << hit.at("name");
    EXPECT_EQ(has(hit.at("note"), "drawn from the gallery's sketch"), !whole) << hit.at("note");
  }
  EXPECT_TRUE(has(call.err, "cannot read clouds/box1.ply: no such file")) << call.err;
  EXPECT_TRUE(has(call.err, "box2.ply: not the shape that the gallery holds")) << call.err;

  // And without a sketch it is said that there is nothing to draw.
  ASSERT_EQ(embed({"clouds/box5.ply", "--sketch-points", "0"}).code, 0);
  fs::remove(folder / "clouds" / "box5.ply");
  ASSERT_EQ(search({"chair", "--explain", "why.html", "-q"}).err, "");
  for (const json& hit : data_of(folder / "why.html").at("hits"))
    EXPECT_EQ(hit.at("sketch").is_null(), hit.at("name") == "clouds/box5.ply");
}

TEST_F(RetrievalProgram, PagesThatCannotBeWrittenAreOneLine) {
  ASSERT_EQ(embed({"clouds"}).code, 0);
  for (const char* option : {"--explain", "--html"}) {
    const Call call = search({"chair", option, "no/where.html"});
    EXPECT_EQ(call.code, 1) << option;
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(has(call.err, "no/where.html")) << call.err;
    EXPECT_FALSE(fs::exists(folder / "no"));
  }
  const Call ending = search({"chair", "--explain", "why.txt"});
  EXPECT_EQ(ending.code, 2);
  EXPECT_TRUE(has(ending.err, "expected a name that ends in .html")) << ending.err;
  EXPECT_EQ(ending.out, "");
}

TEST_F(RetrievalProgram, PicturesOfWhatItFound) {
  if (!POINTATTN_HAVE_PICTURES) GTEST_SKIP() << "this build draws no pictures: it has no Cairo";
  ASSERT_EQ(embed({"clouds"}).code, 0);
  const auto picture = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "chair legs", "--screenshot", "a.png", "--size", "300x200"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Call call = search(arguments);
    EXPECT_EQ(call.code, 0) << call.err;
    return read_file(folder / "a.png");
  };
  const std::string label = picture({});
  EXPECT_TRUE(label.starts_with("\x89PNG\r\n"));
  EXPECT_EQ(picture({"--by", "label"}), label);
  EXPECT_NE(picture({"--by", "attention"}), label);
  EXPECT_NE(picture({"--by", "met"}), label);
  EXPECT_NE(picture({"--views", "3"}), label);
  const Call other = search({"chair", "--screenshot", "b.png", "--by", "atention"});
  EXPECT_EQ(other.code, 2);
  EXPECT_TRUE(has(other.err, "did you mean attention?")) << other.err;
  EXPECT_FALSE(fs::exists(folder / "b.png"));
}

TEST_F(RetrievalProgram, AttentionCloudsForTheViewer) {
  ASSERT_EQ(embed({"clouds", "--attention-ply", "seen"}).code, 0);
  const io::Cloud cloud = io::read_cloud(folder / "seen" / "box2_parts.ply");
  EXPECT_EQ(cloud.points(), 64);
  ASSERT_NE(cloud.find("label"), nullptr);
  for (int part = 1; part <= 4; ++part) {
    const io::Field* field = cloud.find("attention_" + std::to_string(part));
    ASSERT_NE(field, nullptr) << part;
    EXPECT_NEAR(field->values.sum().item<double>(), 1, 1e-4) << part;
  }
}

}  // namespace
}  // namespace pointattn::test
