// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"
#include "tests/text/intents.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pointattn::test {
namespace {

using Arguments = std::vector<std::string>;

void write_tsv(const std::filesystem::path& path, const train::LabelledSentences& data) {
  write_file(path, [&](std::ostream& out) {
    out << "sentence\tclass\n";
    for (size_t i = 0; i < data.sentences.size(); ++i)
      out << data.sentences[i] << '\t' << data.classes[static_cast<size_t>(data.labels[i])] << '\n';
  });
}

TEST(Text, TrainedEvaluatedAndShown) {
  const ScratchFolder folder;
  write_tsv(folder / "train.tsv", robot_orders(300, 1));
  write_tsv(folder / "test.tsv", robot_orders(120, 2));
  const Call trained = pointattn({"train",
                                  "text",
                                  "--data",
                                  "train.tsv",
                                  "-o",
                                  "run",
                                  "--epochs",
                                  "8",
                                  "--learning-rate",
                                  "0.004",
                                  "--width",
                                  "32",
                                  "--hidden",
                                  "32",
                                  "--hops",
                                  "3",
                                  "--batch",
                                  "30"},
                                 folder.path());
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_TRUE(trained.out.starts_with("best epoch ")) << trained.out;

  const Arguments eval = {
      "eval", "text", "--data", "test.tsv", "--weights", "run/best.safetensors"};
  const auto with = [&](const Arguments& more) {
    Arguments all = eval;
    all.insert(all.end(), more.begin(), more.end());
    return pointattn(all, folder.path());
  };
  const Call figures = with({"--json", "-", "--html", "page.html", "--examples", "5"});
  ASSERT_EQ(figures.code, 0) << figures.err;
  const auto json = nlohmann::json::parse(figures.out);
  EXPECT_EQ(json.at("sentences"), 120);
  EXPECT_GE(json.at("accuracy").get<double>(), 0.9);
  const std::string page = read_file(folder / "page.html");
  size_t sections = 0;
  for (size_t at = page.find("<section>"); at != std::string::npos;
       at = page.find("<section>", at + 1))
    ++sections;
  EXPECT_EQ(sections, 5U);
  EXPECT_NE(page.find("hop 3"), std::string::npos);
  EXPECT_EQ(lines(with({}).out), 7);  // six classes and the sum

  const Call shown = pointattn({"models", "show", "run/best.safetensors"}, folder.path());
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("structured_self_attention, text, "), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("\"fetch\""), std::string::npos) << shown.out;

  write_tsv(folder / "other.tsv", {{"Sing a song"}, {0}, {"sing"}});
  Call call = pointattn(
      {"eval", "text", "--data", "other.tsv", "--weights", "run/best.safetensors"}, folder.path());
  EXPECT_EQ(call.code, 1);
  EXPECT_EQ(lines(call.err), 1) << call.err;
  EXPECT_NE(call.err.find("class 'sing'"), std::string::npos) << call.err;

  write_model(folder / "clouds.safetensors");
  call = pointattn({"eval", "text", "--data", "test.tsv", "--weights", "clouds.safetensors"},
                   folder.path());
  EXPECT_EQ(call.code, 1);
  EXPECT_NE(call.err.find("expected a model for text, got one for segment"), std::string::npos)
      << call.err;
  EXPECT_EQ(pointattn({"eval", "text"}, folder.path()).code, 2);
  EXPECT_EQ(pointattn({"train", "text", "--data", "gone.tsv", "-o", "r"}, folder.path()).code, 1);
}

}  // namespace
}  // namespace pointattn::test
