// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/program.h"

#include "pointattn/core/files.h"
#include "pointattn/core/version.h"
#include "tests/support/data.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

namespace pointattn::test {
namespace {

TEST(Program, HelpAndVersionGoToStdout) {
  const Call help = pointattn({"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* command : {"segment", "eval", "train", "models", "generate"}) {
    EXPECT_TRUE(has(help.out, command)) << command;
    const Call of_command = pointattn({command, "--help"});
    EXPECT_EQ(of_command.code, 0) << command;
    EXPECT_FALSE(of_command.out.empty()) << command;
    EXPECT_EQ(of_command.err, "") << command;
  }
  const Call version = pointattn({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out, std::string("pointattn ") + kVersion + "\n");
}

TEST(Program, UsageErrorsAreOneLineAndCodeTwo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{}, "--help"},
      {{"segmnt"}, "unknown command 'segmnt'; did you mean segment?"},
      {{"segment"}, "CLOUD"},
      {{"segment", "a.ply", "--categry", "Chair"},
       "unknown option '--categry'; did you mean --category?"},
      {{"segment", "a.ply", "--points", "none"}, "--points"},
      {{"segment", "a.ply", "--encoding", "zip"}, "--encoding"},
      {{"segment", "a.ply", "-o", "out.xyz"}, "expected a name that ends in .ply or .pcd"},
      {{"segment", "a.ply", "--encoding", "compressed"}, "only PCD"},
      {{"segment", "a.ply", "-o", "./a.ply"}, "would overwrite the input"},
      {{"eval", "segmnt"}, "did you mean segment?"},
      {{"eval", "segment"}, "--data"},
      {{"models"}, "--help"},
  };
  const ScratchFolder folder;
  for (const auto& [arguments, message] : calls) {
    const Call call = pointattn(arguments, folder.path());
    EXPECT_EQ(call.code, 2) << message;
    EXPECT_EQ(call.out, "") << message;
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(call.err.starts_with("pointattn: error: ")) << call.err;
    EXPECT_TRUE(has(call.err, message)) << call.err;
  }
}

TEST(Program, AFullDiskIsAFailureAReaderThatLeavesIsNone) {
  EXPECT_EQ(pointattn_in_shell({"models", "list"}, "> /dev/full").code, 1);
  EXPECT_EQ(pointattn_in_shell({"models", "list"}, "").code, 0);
  // The shell's code is the reader's; a crash by SIGPIPE would be 141 under pipefail.
  const ScratchFolder folder;
  const std::string tail = "; { '" POINTATTN_PROGRAM_FILE "' generate --list; echo $? > '" +
                           (folder / "code").string() + "'; } | true";
  (void)pointattn_in_shell({"models", "list"}, tail);
  EXPECT_EQ(read_file(folder / "code"), "0\n");
}

TEST(Models, ListAndShow) {
  const Call list = pointattn({"models", "list", "--json", "-"});
  EXPECT_EQ(list.code, 0);
  const auto networks = nlohmann::json::parse(list.out);
  const auto parameters = [&](const std::string& name, const std::string& task) -> int64_t {
    for (const auto& entry : networks) {
      EXPECT_FALSE(entry.at("source").get<std::string>().empty()) << entry;
      if (entry.at("name") == name && entry.at("task") == task) return entry.at("parameters");
    }
    return 0;
  };
  EXPECT_EQ(parameters("pct", "classify"), 2'876'136);
  EXPECT_EQ(parameters("pct", "segment"), 2'446'130);
  EXPECT_TRUE(has(pointattn({"models", "list"}).out, "2876136")) << "the same as a table";

  const ScratchFolder folder;
  write_model(folder / "m.safetensors");
  const Call show = pointattn({"models", "show", (folder / "m.safetensors").string()});
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_TRUE(has(show.out, "Chair: leg, seat, back")) << show.out;
  EXPECT_TRUE(has(show.out, "random weights")) << show.out;
}

TEST(Generate, TheSameSeedGivesTheSameFiles) {
  const ScratchFolder folder;
  for (const char* name : {"a", "b"}) {
    const Call call = pointattn(
        {"generate", "chair", "mug", "-o", name, "--points", "300", "--seed", "4"}, folder.path());
    EXPECT_EQ(call.code, 0) << call.err;
    EXPECT_EQ(lines(call.out), 2) << call.out;
  }
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "a")) {
    ++files;
    EXPECT_EQ(read_file(entry.path()), read_file(folder / "b" / entry.path().filename()));
    const io::Cloud cloud = io::read_cloud(entry.path());
    EXPECT_EQ(cloud.points(), 300);
    EXPECT_NE(cloud.find("label"), nullptr);
  }
  EXPECT_EQ(files, 2);
  const Call unknown = pointattn({"generate", "chiar"}, folder.path());
  EXPECT_EQ(unknown.code, 1);
  EXPECT_TRUE(has(unknown.err, "unknown category 'chiar'")) << unknown.err;
}

TEST(Generate, DescribesItsObjects) {
  const ScratchFolder folder;
  const Call call = pointattn({"generate",
                               "chair",
                               "mug",
                               "--count",
                               "3",
                               "--points",
                               "50",
                               "--captions",
                               "words.tsv",
                               "--captions-each",
                               "4"},
                              folder.path());
  EXPECT_EQ(call.code, 0) << call.err;
  std::istringstream table(read_file(folder / "words.tsv"));
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line, "model_id\tpartnet_anno_id\tcategory\tsource\tcaption");
  std::set<std::string> objects, numbers;
  int rows = 0;
  for (; std::getline(table, line); ++rows) {
    std::istringstream cells(line);
    std::string object, number, category, source, caption;
    std::getline(cells, object, '\t');
    std::getline(cells, number, '\t');
    std::getline(cells, category, '\t');
    std::getline(cells, source, '\t');
    std::getline(cells, caption);
    EXPECT_TRUE(std::filesystem::exists(folder / (object + ".ply"))) << line;
    EXPECT_EQ(object.substr(0, object.find('_')), category);
    EXPECT_EQ(source, "procedural");
    EXPECT_FALSE(caption.empty());
    objects.insert(object);
    numbers.insert(number);
  }
  EXPECT_EQ(rows, 6 * 4);
  EXPECT_EQ(objects.size(), 6U);
  EXPECT_EQ(numbers, (std::set<std::string>{"0", "1", "2", "3", "4", "5"}));
  EXPECT_EQ(pointattn({"generate", "mug", "--captions-each", "4"}, folder.path()).code, 2);
  EXPECT_EQ(pointattn({"generate", "mug", "--captions", "no/such/folder.tsv"}, folder.path()).code,
            1);
}

TEST(Readme, ShowsTheExampleThatIsCompiled) {
  const std::filesystem::path root = POINTATTN_ROOT_FOLDER;
  const std::string example = read_file(root / "tests/apps/readme_example.cpp");
  const std::string shown = example.substr(example.find('\n') + 1);  // without the licence line
  EXPECT_TRUE(has(read_file(root / "README.md"), "```cpp\n" + shown + "```"));
}

}  // namespace
}  // namespace pointattn::test
