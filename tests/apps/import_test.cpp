// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "pointattn/models/public_names.h"
#include "tests/apps/program.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::test {
namespace {

/// Public weights of a DGCNN for classification.
models::SafeTensors public_weights(int64_t classes) {
  at::manual_seed(8);
  models::Model model;
  model.spec.architecture = "dgcnn";
  model.spec.task = models::Task::kClassify;
  for (int64_t c = 0; c < classes; ++c) {
    model.spec.labels.categories.push_back({"kind " + std::to_string(c), 0, {}});
  }
  model.network = models::make_network(model.spec);
  return models::public_tensors(model);
}

Call import_file(const ScratchFolder& folder, const std::vector<std::string>& further) {
  std::vector<std::string> arguments = {
      "models", "import", "in", "--model", "dgcnn", "--task", "classify", "-o", "out"};
  arguments.insert(arguments.end(), further.begin(), further.end());
  return pointattn(arguments, folder.path());
}

void expect_error(const Call& call, int code, const std::string& message) {
  EXPECT_EQ(call.code, code) << call.err;
  EXPECT_EQ(call.out, "");
  EXPECT_EQ(lines(call.err), 1) << call.err;
  EXPECT_TRUE(has(call.err, message)) << call.err;
}

TEST(Import, ThereAndBack) {
  const ScratchFolder folder;
  const models::SafeTensors weights = public_weights(40);
  models::write_safetensors(folder / "in", weights);
  const Call there = import_file(folder, {"--labels", "modelnet40"});
  EXPECT_EQ(there.code, 0) << there.err;
  EXPECT_EQ(there.out, "out: dgcnn, classify, 1809576 parameters, 40 categories\n");
  const Call show = pointattn({"models", "show", "out"}, folder.path());
  EXPECT_TRUE(has(show.out, "airplane")) << show.out;
  EXPECT_TRUE(has(show.out, "AnTao97/dgcnn.pytorch")) << show.out;
  const Call back = pointattn({"models", "export", "out", "-o", "again"}, folder.path());
  EXPECT_EQ(back.code, 0) << back.err;
  const auto again = models::read_safetensors(folder / "again").tensors;
  ASSERT_EQ(again.size(), weights.tensors.size());
  for (const auto& [name, tensor] : weights.tensors) {
    EXPECT_TRUE(again.at(name).equal(tensor)) << name;
  }
}

TEST(Import, LabelsAndOptions) {
  const ScratchFolder folder;
  models::write_safetensors(folder / "in", public_weights(2));
  write_file(folder / "names.json", [](std::ostream& out) {
    out << R"({"categories": [{"name": "Cup"}, {"name": "Bowl"}]})";
  });
  EXPECT_EQ(import_file(folder, {"--network", "{\"neighbors\": 7}"}).code, 0);
  const Call plain = pointattn({"models", "show", "out"}, folder.path());
  EXPECT_TRUE(has(plain.out, "class 0\n  class 1\n")) << plain.out;
  EXPECT_EQ(import_file(folder, {"--labels", "names.json"}).code, 0);
  const Call named = pointattn({"models", "show", "out"}, folder.path());
  EXPECT_TRUE(has(named.out, "Cup\n  Bowl\n")) << named.out;
  expect_error(import_file(folder, {"--labels", "modelnet40"}),
               1,
               "in: expected labels for 2 categories, got 40");
  expect_error(import_file(folder, {"--labels", "none.json"}), 1, "none.json");
  expect_error(import_file(folder, {"--network", "7"}), 2, "--network 7: expected options");
  expect_error(
      import_file(folder, {"--network", "{\"k\": 7}"}), 1, "unknown option 'k'; known: neighbors");
}

TEST(Import, WhatCannotBeImportedIsOneLine) {
  const ScratchFolder folder;
  expect_error(import_file(folder, {}), 1, "in");
  expect_error(
      pointattn(
          {"models", "import", "/dev/zero", "--model", "pct", "--task", "segment", "-o", "out"},
          folder.path()),
      1,
      "/dev/zero: expected a file, got a pipe or a device");
  write_file(folder / "in", [](std::ostream& out) { out << "no weights at all"; });
  expect_error(import_file(folder, {}), 1, "in: not a safetensors file");
  models::SafeTensors weights = public_weights(3);
  weights.tensors.erase("linear2.bias");
  models::write_safetensors(folder / "in", weights);
  expect_error(import_file(folder, {}), 1, "in: tensor 'linear2.bias' is missing;");
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  expect_error(
      pointattn({"models", "import", "in", "--model", "spct", "--task", "classify", "-o", "out"},
                folder.path()),
      1,
      "spct (classify) has no public names; known: pct");
  expect_error(
      pointattn({"models", "import", "in", "--model", "pct", "--task", "sort", "-o", "out"},
                folder.path()),
      2,
      "--task");
  write_model(folder / "spct.safetensors");
  expect_error(pointattn({"models", "export", "spct.safetensors", "-o", "out"}, folder.path()),
               1,
               "spct (segment) has no public names");
}

}  // namespace
}  // namespace pointattn::test
