// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/model_file.h"

#include "pointattn/core/files.h"
#include "pointattn/core/random.h"
#include "pointattn/models/safetensors.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

namespace pointattn::models {
namespace {
namespace fs = std::filesystem;

void write_bytes(const fs::path& path, const std::string& bytes) {
  write_file(path, [&](std::ostream& out) { out << bytes; });
}

std::string with_header(const std::string& header, const std::string& data = "") {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + data;
}

/// Message of the error that reading throws; it must name the file.
std::string error_of(const fs::path& path) {
  try {
    (void)read_safetensors(path);
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    EXPECT_NE(text.find(path.filename().string()), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  return "no error";
}

Model small_model() {
  const LabelMap labels = label_map_from_json(nlohmann::json::parse(
      R"({"categories": [{"name": "Chair", "parts": ["leg", "seat"]}, {"name": "Mug", "parts": ["body"]}]})"));
  at::manual_seed(3);
  Model model{
      {"pct", Task::kSegment, nlohmann::json::object(), labels}, {{"data", "none"}}, nullptr};
  model.network = make_network(model.spec);
  return model;
}

TEST(SafeTensors, EveryTypeSurvives) {
  const test::ScratchFolder folder;
  SafeTensors contents;
  for (const auto type : {at::kDouble,
                          at::kFloat,
                          at::kHalf,
                          at::kBFloat16,
                          at::kLong,
                          at::kInt,
                          at::kShort,
                          at::kChar,
                          at::kByte,
                          at::kBool}) {
    contents.tensors[std::string("t") + at::toString(type)] = at::arange(6).view({2, 3}).to(type);
  }
  contents.tensors["empty"] = at::zeros({0, 4});
  contents.tensors["scalar"] = at::tensor(3.5).squeeze();
  contents.tensors["turned"] = at::arange(6).view({2, 3}).t();
  contents.metadata = {{"key", "value with \"quotes\" and ü"}};
  write_safetensors(folder / "a.safetensors", contents);
  const SafeTensors again = read_safetensors(folder / "a.safetensors");
  EXPECT_EQ(again.metadata, contents.metadata);
  ASSERT_EQ(again.tensors.size(), contents.tensors.size());
  for (const auto& [name, tensor] : contents.tensors) {
    EXPECT_EQ(again.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(again.tensors.at(name).equal(tensor)) << name;
  }
}

TEST(SafeTensors, EveryCutIsRefused) {
  const test::ScratchFolder folder;
  SafeTensors contents;
  contents.tensors["a"] = at::arange(4);
  contents.tensors["b"] = at::ones({3});
  write_safetensors(folder / "whole", contents);
  const std::string bytes = read_file(folder / "whole");
  for (size_t n = 0; n < bytes.size(); ++n) {
    write_bytes(folder / "cut", bytes.substr(0, n));
    EXPECT_NE(error_of(folder / "cut"), "no error") << n;
  }
  write_bytes(folder / "longer", bytes + "x");
  EXPECT_NE(error_of(folder / "longer"), "no error");
}

TEST(SafeTensors, LyingHeadersAreRefused) {
  const test::ScratchFolder folder;
  const char* headers[] = {
      R"([])",
      R"({)",
      R"({"a": 3})",
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
      R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})",
      R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})",
      R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})",
      R"({"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}})",
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})",
      R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}})",
      R"({"__metadata__": {"k": 3}})"};
  for (const char* header : headers) {
    write_bytes(folder / "lie", with_header(header, std::string(8, 'x')));
    EXPECT_NE(error_of(folder / "lie"), "no error") << header;
  }
  write_bytes(folder / "lie", std::string(8, '\xff') + "{}");
  EXPECT_NE(error_of(folder / "lie"), "no error");
}

TEST(SafeTensors, FlippedBytesNeverCrash) {
  const test::ScratchFolder folder;
  SafeTensors contents;
  contents.tensors["weight"] = at::ones({4, 5});
  contents.metadata = {{"pointattn", "1"}};
  write_safetensors(folder / "whole", contents);
  const std::string bytes = read_file(folder / "whole");
  Random random(5);
  for (int round = 0; round < 500; ++round) {
    std::string damaged = bytes;
    damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    write_bytes(folder / "damaged", damaged);
    try {
      (void)read_safetensors(folder / "damaged");
    } catch (const c10::Error&) {
    }
  }
}

TEST(ModelFile, ComesBackWhole) {
  const test::ScratchFolder folder;
  const Model model = small_model();
  model.network->eval();
  save_model(folder / "m.safetensors", model);
  const Model again = load_model(folder / "m.safetensors");
  EXPECT_EQ(again.spec.architecture, "pct");
  EXPECT_EQ(again.card, model.card);
  EXPECT_EQ(pointattn::to_json(again.spec.labels), pointattn::to_json(model.spec.labels));
  EXPECT_FALSE(again.network->is_training());
  const at::NoGradGuard no_grad;
  const PointBatch batch = PointBatch::of({at::rand({20, 3})});
  const at::Tensor category = at::tensor({0}, at::kLong);
  EXPECT_TRUE(again.network->forward(batch, category)
                  .scores.equal(model.network->forward(batch, category).scores));
}

TEST(ModelFile, NamesWhatDoesNotFit) {
  const test::ScratchFolder folder;
  save_model(folder / "m", small_model());
  const SafeTensors whole = read_safetensors(folder / "m");
  const auto refused = [&](const std::function<void(SafeTensors&)>& damage,
                           const std::string& word) {
    SafeTensors file = whole;
    damage(file);
    write_safetensors(folder / "bad", file);
    try {
      (void)load_model(folder / "bad");
      ADD_FAILURE() << word;
    } catch (const c10::Error& error) {
      const std::string text = error.what_without_backtrace();
      EXPECT_NE(text.find(word), std::string::npos) << text;
      EXPECT_NE(text.find((folder / "bad").string()), std::string::npos) << text;
    }
  };
  refused([](SafeTensors& f) { f.tensors.erase("scores.bias"); }, "'scores.bias' is missing");
  refused([](SafeTensors& f) { f.tensors["extra"] = at::zeros({1}); }, "'extra' does not belong");
  refused([](SafeTensors& f) { f.tensors["scores.bias"] = at::zeros({5}); },
          "expected shape [3], got [5]");
  refused([](SafeTensors& f) { f.metadata.erase("labels"); }, "'labels'");
  refused([](SafeTensors& f) { f.metadata["pointattn"] = "99"; }, "format");
  refused([](SafeTensors& f) { f.metadata["labels"] = "{"; }, "metadata");
  refused([](SafeTensors& f) { f.metadata["architecture"] = "resnet"; }, "unknown architecture");
  refused([](SafeTensors& f) { f.metadata["task"] = "dance"; }, "task");
}

}  // namespace
}  // namespace pointattn::models
