// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

namespace pointattn::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Tables of twelve shapes, a box each, the first ones flat and the last ones tall.
void write_captions(const fs::path& folder) {
  write_file(folder / "captions.tsv", [](std::ostream& out) {
    out << "model_id\tpartnet_anno_id\tcategory\tsource\tcaption\n";
    for (int i = 0; i < 12; ++i) {
      for (const char* text : {"box", "block to sit on"}) {
        out << 'm' << i << '\t' << i << "\tbox\ttest\ta " << (i < 6 ? "flat " : "tall ") << text
            << '\n';
      }
    }
  });
  write_file(folder / "boxes.tsv", [](std::ostream& out) {
    out << "partnet_anno_id\tmodel_id\tgroup\tpath\tcx\tcy\tcz\tdx\tdy\tdz\trx\try\trz\ttx\tty"
           "\ttz\tfx\tfy\tfz\n";
    for (int i = 0; i < 12; ++i) {
      out << i << "\tm" << i << "\t0\t/cube\t0\t0\t0\t1\t" << 0.2 * (i + 1)
          << "\t1\t1\t0\t0\t0\t1\t0\t0\t0\t1\n";
    }
  });
}

TEST(TrainRetrievalProgram, TrainsEvaluatesAndSearches) {
  const ScratchFolder folder;
  write_captions(folder.path());
  const Call trained = pointattn({"train",      "retrieval", "--captions",    "captions.tsv",
                                  "--cuboids",  "boxes.tsv", "--generated",   "22",
                                  "-o",         "run",       "--epochs",      "2",
                                  "--batch",    "8",         "--channels",    "16",
                                  "--features", "32",        "--points",      "32",
                                  "--pool",     "64",        "--text-hidden", "8",
                                  "--width",    "16",        "--parts",       "3",
                                  "--hops",     "2",         "--hold-out",    "4"},
                                 folder.path());
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_TRUE(trained.out.starts_with("best epoch ")) << trained.out;

  const std::vector<std::string> eval = {"eval",
                                         "retrieval",
                                         "--captions",
                                         "captions.tsv",
                                         "--cuboids",
                                         "boxes.tsv",
                                         "--weights",
                                         "run/best.safetensors"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = eval;
    all.insert(all.end(), more.begin(), more.end());
    return pointattn(all, folder.path());
  };
  const Call figures = with({"--json", "-"});
  ASSERT_EQ(figures.code, 0) << figures.err;
  const json found = json::parse(figures.out);
  EXPECT_EQ(found.at("shapes"), 12);
  EXPECT_EQ(found.at("captions"), 24);
  for (const char* direction : {"text_to_shape", "shape_to_text"}) {
    for (const char* name : {"recall_at_1", "recall_at_5", "recall_at_10", "ndcg_at_5"}) {
      const double value = found.at(direction).at(name).get<double>();
      EXPECT_TRUE(value >= 0 && value <= 1) << name << ' ' << value;
    }
    EXPECT_GE(found.at(direction).at("median_rank").get<double>(), 1);
  }
  EXPECT_EQ(with({}).code, 0);

  const Call shown = pointattn({"models", "show", "run/best.safetensors"}, folder.path());
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "retrieval, retrieval, ")) << shown.out;
  EXPECT_EQ(pointattn({"embed",
                       POINTATTN_ROOT_FOLDER "/samples/chair_sample.ply",
                       "-o",
                       "g",
                       "--weights",
                       "run/best.safetensors"},
                      folder.path())
                .code,
            0);
  const Call search =
      pointattn({"search", "g", "a tall box", "--json", "-", "--weights", "run/best.safetensors"},
                folder.path());
  ASSERT_EQ(search.code, 0) << search.err;
  EXPECT_EQ(json::parse(search.out).size(), 1U);
}

TEST(TrainRetrievalProgram, WrongTablesAreOneLine) {
  const ScratchFolder folder;
  write_captions(folder.path());
  write_file(folder / "lost.tsv", [](std::ostream& out) {
    out << "partnet_anno_id\tcaption\n77\ta chair without boxes\n";
  });
  const auto train = [&](const std::string& captions, const std::string& cuboids) {
    return pointattn(
        {"train", "retrieval", "--captions", captions, "--cuboids", cuboids, "-o", "run"},
        folder.path());
  };
  for (const auto& [captions, cuboids, message] : {std::tuple{"lost.tsv", "boxes.tsv", "77"},
                                                   {"boxes.tsv", "boxes.tsv", "caption"},
                                                   {"captions.tsv", "captions.tsv", "captions.tsv"},
                                                   {"gone.tsv", "boxes.tsv", "gone.tsv"}}) {
    const Call call = train(captions, cuboids);
    EXPECT_EQ(call.code, 1) << captions << ' ' << cuboids;
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(has(call.err, message)) << call.err;
  }
  write_model(folder / "clouds.safetensors");
  const Call call = pointattn({"eval",
                               "retrieval",
                               "--captions",
                               "captions.tsv",
                               "--cuboids",
                               "boxes.tsv",
                               "--weights",
                               "clouds.safetensors"},
                              folder.path());
  EXPECT_EQ(call.code, 1);
  EXPECT_TRUE(has(call.err, "segment")) << call.err;
  EXPECT_FALSE(fs::exists(folder / "run"));
}

}  // namespace
}  // namespace pointattn::test
