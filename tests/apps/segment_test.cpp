// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace pointattn::test {
namespace {
namespace fs = std::filesystem;

/// A scratch folder with a model; calls run inside it.
class Segment : public testing::Test {
 protected:
  Segment() { write_model(folder_ / "m.safetensors"); }

  Call segment(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "segment");
    arguments.insert(arguments.end(), {"--weights", "m.safetensors"});
    return pointattn(arguments, folder_.path());
  }
  fs::path file(const std::string& name) const { return folder_ / name; }
  int64_t entries() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }

  ScratchFolder folder_;
};

TEST_F(Segment, LabelsEveryPointAndKeepsEveryField) {
  io::Cloud cloud = box_cloud(700);
  cloud.set("intensity", at::arange(700, at::kShort));
  cloud.comments = {"made by hand"};
  io::write_cloud(file("in.ply"), cloud);
  const Call call = segment({"in.ply", "-o", "out.ply", "--labels", "ids.txt", "--json", "-"});
  ASSERT_EQ(call.code, 0) << call.err;

  const io::Cloud labelled = io::read_cloud(file("out.ply"));
  EXPECT_TRUE(labelled.xyz().equal(cloud.xyz()));
  EXPECT_TRUE(labelled.find("intensity")->values.equal(cloud.find("intensity")->values));
  const at::Tensor label = labelled.find("label")->values;
  EXPECT_EQ(label.scalar_type(), at::kInt);
  EXPECT_EQ(labelled.find("confidence")->values.scalar_type(), at::kFloat);
  EXPECT_TRUE(labelled.colors().defined());
  EXPECT_EQ(labelled.comments.front(), "made by hand");

  std::istringstream ids(read_file(file("ids.txt")));
  for (int64_t i = 0; i < 700; ++i) {
    int64_t id = -1;
    ASSERT_TRUE(ids >> id) << i;
    ASSERT_EQ(id, label[i].item<int64_t>()) << i;
  }
  const auto json = nlohmann::json::parse(call.out);
  EXPECT_EQ(json.at("points"), 700);
  EXPECT_TRUE(json.at("category") == "Chair" || json.at("category") == "Mug");
  EXPECT_GT(json.at("category_confidence").get<double>(), 0.0);
  int64_t points = 0;
  for (const auto& part : json.at("parts")) {
    points += part.at("points").get<int64_t>();
    EXPECT_EQ(part.at("points"), label.eq(part.at("id").get<int64_t>()).sum().item<int64_t>());
    const std::string comment = "label " + std::to_string(part.at("id").get<int64_t>()) + " " +
                                json.at("category").get<std::string>() + " " +
                                part.at("name").get<std::string>() + " " +
                                part.at("color").get<std::string>();
    EXPECT_EQ(std::count(labelled.comments.begin(), labelled.comments.end(), comment), 1)
        << comment;
  }
  EXPECT_EQ(points, 700);
}

TEST_F(Segment, TheLegendFileNamesEveryIdAndItsColour) {
  io::write_cloud(file("in.ply"), box_cloud(300));
  const Call call =
      segment({"in.ply", "-o", "out.ply", "--legend", "legend.tsv", "--category", "chair"});
  ASSERT_EQ(call.code, 0) << call.err;
  EXPECT_TRUE(has(call.out, "written: out.ply, legend.tsv")) << call.out;
  const io::Cloud labelled = io::read_cloud(file("out.ply"));
  const at::Tensor label = labelled.find("label")->values;
  std::istringstream legend(read_file(file("legend.tsv")));
  std::string line;
  ASSERT_TRUE(std::getline(legend, line));
  EXPECT_EQ(line, "id\tcategory\tpart\tcolor\tpoints\tshare");
  const char* const parts[] = {"leg", "seat", "back"};
  for (int64_t id = 0; id < 3; ++id) {
    ASSERT_TRUE(std::getline(legend, line));
    const int64_t points = label.eq(id).sum().item<int64_t>();
    std::ostringstream expected;
    expected << id << "\tChair\t" << parts[id] << '\t' << hex(part_color(id)) << '\t' << points
             << '\t' << static_cast<double>(points) / 300;
    EXPECT_EQ(line, expected.str());
  }
  EXPECT_FALSE(std::getline(legend, line));

  io::write_cloud(file("other.ply"), box_cloud(300));
  ASSERT_EQ(segment({"in.ply", "other.ply", "-o", "out", "--legend", "out"}).code, 0);
  EXPECT_GT(lines(read_file(file("out") / "other_parts.tsv")), 2);
  const Call same = segment({"in.ply", "--labels", "a.txt", "--legend", "./a.txt"});
  EXPECT_EQ(same.code, 2);
  EXPECT_TRUE(has(same.err, "--labels and --legend name the same file")) << same.err;
}

TEST_F(Segment, TheDefaultOutputIsBesideTheCallerAndSaid) {
  io::write_cloud(file("in.ply"), box_cloud(300));
  const Call call = segment({"in.ply", "--category", "mug"});
  ASSERT_EQ(call.code, 0) << call.err;
  EXPECT_TRUE(has(call.out, "Mug (given), 300 points")) << call.out;
  EXPECT_TRUE(has(call.out, "written: in_parts.ply")) << call.out;
  EXPECT_TRUE(fs::exists(file("in_parts.ply")));
}

TEST_F(Segment, ColoursAreReplacedAndKeptUnderAnotherName) {
  io::Cloud cloud = box_cloud(300);
  for (const char* name : {"red", "green", "blue"}) cloud.set(name, at::full({300}, 9, at::kByte));
  cloud.set("label", at::full({300}, 77, at::kInt));
  cloud.comments = {"category Lamp", "label 77 Lamp foot #010203"};
  io::write_cloud(file("in.ply"), cloud);
  ASSERT_EQ(segment({"in.ply", "-o", "a.ply"}).code, 0);
  const io::Cloud painted = io::read_cloud(file("a.ply"));
  EXPECT_TRUE(painted.find("orig_red")->values.eq(9).all().item<bool>());
  EXPECT_FALSE(painted.find("red")->values.eq(9).all().item<bool>());
  EXPECT_TRUE(painted.find("orig_label")->values.eq(77).all().item<bool>());
  const std::vector<std::string> aside = {"orig_category Lamp", "orig_label 77 Lamp foot #010203"};
  EXPECT_TRUE(std::equal(aside.begin(), aside.end(), painted.comments.begin()))
      << "only the new labels are called so";
  ASSERT_EQ(segment({"a.ply", "-o", "again.ply"}).code, 0);
  const io::Cloud again = io::read_cloud(file("again.ply"));
  EXPECT_TRUE(again.find("orig_label")->values.eq(77).all().item<bool>());
  EXPECT_NE(again.find("orig_orig_label"), nullptr);
  EXPECT_TRUE(std::equal(aside.begin(), aside.end(), again.comments.begin()));
  EXPECT_TRUE(again.comments.at(2).starts_with("orig_orig_category ")) << again.comments.at(2);

  ASSERT_EQ(segment({"in.ply", "-o", "b.ply", "--keep-colors"}).code, 0);
  const io::Cloud kept = io::read_cloud(file("b.ply"));
  EXPECT_TRUE(kept.colors().eq(9).all().item<bool>());
  EXPECT_EQ(kept.find("orig_red"), nullptr);
}

TEST_F(Segment, PcdGetsPackedColours) {
  io::write_cloud(file("in.ply"), box_cloud(300));
  ASSERT_EQ(segment({"in.ply", "-o", "a.ply"}).code, 0);
  for (const char* encoding : {"ascii", "binary", "compressed"}) {
    const Call call = segment({"in.ply", "-o", "a.pcd", "--encoding", encoding});
    ASSERT_EQ(call.code, 0) << call.err;
    const io::Cloud packed = io::read_cloud(file("a.pcd"));
    EXPECT_NE(packed.find("rgb"), nullptr);
    EXPECT_TRUE(packed.colors().equal(io::read_cloud(file("a.ply")).colors())) << encoding;
  }
}

TEST_F(Segment, AMeshIsSampled) {
  write_file(file("box.off"), [](std::ostream& out) {
    out << "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n";
  });
  const Call call = segment({"box.off", "-o", "out.ply", "--mesh-points", "500"});
  ASSERT_EQ(call.code, 0) << call.err;
  EXPECT_TRUE(has(call.err, "a mesh of 4 triangles: 500 points drawn")) << call.err;
  EXPECT_EQ(io::read_cloud(file("out.ply")).points(), 500);
}

TEST_F(Segment, ABadFileDoesNotStopTheOthers) {
  fs::create_directory(file("in"));
  io::write_cloud(file("in") / "b.ply", box_cloud(300));
  io::write_cloud(file("in") / "c.ply", box_cloud(301));
  io::write_cloud(file("in") / "b_parts.ply", box_cloud(302));
  write_file(file("in") / "a.ply",
             [](std::ostream& out) { out << "ply\nformat ascii 1.0\nelement ver"; });
  const Call call = segment({"in", "none.pcd", "-o", "out", "--json", "-"});
  EXPECT_EQ(call.code, 1);
  std::vector<nlohmann::json> results;
  std::istringstream out(call.out);
  for (std::string line; std::getline(out, line);) results.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(results.size(), 4U) << call.out;
  EXPECT_TRUE(results[0].contains("error"));
  EXPECT_EQ(results[1].at("points"), 300);
  EXPECT_EQ(results[2].at("points"), 301);
  EXPECT_TRUE(results[3].contains("error"));
  EXPECT_TRUE(has(call.err, "b_parts.ply: passed over")) << call.err;
  EXPECT_TRUE(fs::exists(file("out") / "b_parts.ply"));
  EXPECT_FALSE(fs::exists(file("out") / "a_parts.ply"));
}

TEST_F(Segment, EqualNamesDoNotCollide) {
  fs::create_directory(file("other"));
  io::write_cloud(file("in.ply"), box_cloud(300));
  io::write_cloud(file("other") / "in.ply", box_cloud(301));
  ASSERT_EQ(segment({"in.ply", "other/in.ply", "-o", "out", "--labels", "out"}).code, 0);
  EXPECT_EQ(io::read_cloud(file("out") / "in_parts.ply").points(), 300);
  EXPECT_EQ(io::read_cloud(file("out") / "in_parts_2.ply").points(), 301);
  EXPECT_EQ(lines(read_file(file("out") / "in_parts_2.txt")), 301);
}

TEST_F(Segment, FailuresAreOneLineAndLeaveNothing) {
  io::write_cloud(file("in.ply"), box_cloud(300));
  write_file(file("cut.safetensors"),
             [&](std::ostream& out) { out << read_file(file("m.safetensors")).substr(0, 5000); });
  write_file(file("empty.ply"), [](std::ostream&) {});
  write_file(file("nan.xyz"), [](std::ostream& out) { out << "nan nan nan\nnan nan nan\n"; });
  const int64_t before = entries();
  const std::vector<std::pair<std::vector<std::string>, std::string>> calls = {
      {{"segment", "in.ply", "--weights", "cut.safetensors"}, "cut.safetensors"},
      {{"segment", "in.ply", "--weights", "in.ply"}, "in.ply"},
      {{"segment", "in.ply", "--weights", "none.safetensors"}, "none.safetensors"},
      {{"segment", "in.ply", "--weights", "m.safetensors", "--category", "chiar"},
       "did you mean Chair?"},
      {{"segment", "none.ply", "--weights", "m.safetensors"}, "none.ply"},
      {{"segment", "empty.ply", "--weights", "m.safetensors"}, "empty.ply"},
      {{"segment", "nan.xyz", "--weights", "m.safetensors"}, "nan.xyz"},
      {{"segment", "in.ply", "--weights", "m.safetensors", "-o", "no/such/out.ply"}, "no/such"},
  };
  for (const auto& [arguments, message] : calls) {
    const Call call = pointattn(arguments, folder_.path());
    EXPECT_EQ(call.code, 1) << message;
    EXPECT_EQ(lines(call.err), 1) << call.err;
    EXPECT_TRUE(call.err.starts_with("pointattn: error: ")) << call.err;
    EXPECT_TRUE(has(call.err, message)) << call.err;
    EXPECT_EQ(entries(), before) << message;
  }
}

TEST_F(Segment, AFolderWithoutPermissionToWriteIsOneLineAndStaysAsItIs) {
  io::write_cloud(file("in.ply"), box_cloud(300));
  const fs::path closed = file("closed");
  fs::create_directory(closed);
  io::write_cloud(closed / "old.ply", box_cloud(10));
  const std::string before = read_file(closed / "old.ply");
  fs::permissions(closed, fs::perms(0555));
  fs::create_directory(file("open"));
  fs::permissions(file("open"), fs::perms(0777));
  fs::permissions(folder_.path(), fs::perms(0755));
  for (const auto& [option, target] : {std::pair<std::string, std::string>{"-o", "closed/new.ply"},
                                       {"-o", "closed/old.ply"},
                                       {"-o", "closed/new/"},
                                       {"--labels", "closed/ids.txt"},
                                       {"--legend", "closed/legend.tsv"},
                                       {"--screenshot", "closed/picture.png"},
                                       {"--html", "closed/page.html"},
                                       {"--json", "closed/summary.json"}}) {
    std::vector<std::string> arguments = {"segment", "in.ply", "--weights", "m.safetensors"};
    arguments.insert(arguments.end(), {option, target});
    if (option != "-o") arguments.insert(arguments.end(), {"-o", "open/out.ply"});
    const std::optional<Call> call = pointattn_unprivileged(arguments, folder_.path());
    if (!call) GTEST_SKIP() << "root without setpriv, or a program that others may not run";
    EXPECT_EQ(call->code, 1) << target;
    EXPECT_EQ(lines(call->err), 1) << call->err;
    EXPECT_TRUE(call->err.starts_with("pointattn: error: ")) << call->err;
    EXPECT_TRUE(has(call->err, "Permission denied")) << call->err;
    EXPECT_TRUE(has(call->err, "closed")) << call->err;
    EXPECT_EQ(std::distance(fs::directory_iterator(closed), fs::directory_iterator()), 1) << target;
    EXPECT_EQ(read_file(closed / "old.ply"), before);
  }
}

}  // namespace
}  // namespace pointattn::test
