// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/torch_file.h"

#include "pointattn/core/random.h"
#include "tests/models/pickles.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

namespace pointattn::models {
namespace {

using namespace test::pickles;

/// An archive of `object` with a storage "0" of 12 floats.
std::string file_of(const std::string& object) {
  return archive({{"data.pkl", kStart + object + kEnd}, {"data/0", floats(12)}});
}

const std::string kOld =
    std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) + kStart +
    "M\xe9\x03" + kEnd + kStart + dict({}) + kEnd;

/// A file of the old format with a tensor of `numel` numbers that says it has `stored`.
std::string old_file(int32_t numel, int64_t stored) {
  const std::string object = dict({text("a"), tensor(storage("k", numel), 0, {numel}, {1})});
  return kOld + kStart + object + kEnd + kStart + "](" + text("k") + "e" + kEnd + raw(stored) +
         floats(numel);
}

StateDict read(const std::string& bytes) {
  const test::ScratchFolder folder;
  std::ofstream(folder / "weights.pth", std::ios::binary) << bytes;
  return read_torch_file(folder / "weights.pth");
}

/// Message of the error that reading throws: one line that names the file.
std::string error_of(const std::string& bytes) {
  try {
    (void)read(bytes);
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    EXPECT_NE(message.find("weights.pth"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  return "no error";
}

void expect_refused(const std::string& bytes, const std::string& reason) {
  const std::string message = error_of(bytes);
  EXPECT_NE(message.find(reason), std::string::npos) << message;
}

TEST(TorchFile, TensorsAreViewsOfTheirStorages) {
  const std::string shared = storage("0", 12) + "q\x05";
  const std::string parameter =
      global("torch._utils", "_rebuild_parameter") +
      tuple(std::vector{tensor("h\x05", 4, {2, 2}, {1, 4}), std::string("\x88"), kNoHooks}) + "R";
  const StateDict tensors = read(file_of(dict({text("whole"),
                                               tensor(shared, 0, {3, 4}, {4, 1}),
                                               text("turned"),
                                               parameter,
                                               text("scalar"),
                                               tensor("h\x05", 11, {}, {}),
                                               text("empty"),
                                               tensor("h\x05", 0, {0, 5}, {5, 1})})));
  ASSERT_EQ(tensors.size(), 4U);
  const at::Tensor all = at::arange(12, at::kFloat);
  EXPECT_TRUE(tensors.at("whole").equal(all.view({3, 4})));
  EXPECT_TRUE(tensors.at("turned").equal(at::tensor({4.0F, 8.0F, 5.0F, 9.0F}).view({2, 2})));
  EXPECT_TRUE(tensors.at("scalar").equal(at::tensor(11.0F).squeeze()));
  EXPECT_EQ(tensors.at("empty").sizes(), (std::vector<int64_t>{0, 5}));
  EXPECT_EQ(tensors.at("whole").storage().data(), tensors.at("turned").storage().data());
}

TEST(TorchFile, TheDictionaryMayStandInACheckpoint) {
  const std::string state = dict({text("a"), tensor(storage("0", 12), 0, {12}, {1})});
  for (const char* key : {"state_dict", "model_state_dict", "model"}) {
    const StateDict tensors =
        read(file_of(dict({text("epoch"), whole(3), text(key), state, text("best"), "N"})));
    EXPECT_EQ(tensors.at("a").numel(), 12) << key;
  }
  expect_refused(file_of(dict({text("epoch"), whole(3)})), "the entry epoch is none");
  expect_refused(file_of(whole(3)), "got something else");
  expect_refused(file_of(std::string("}q\x01") + text("self") + "h\x01s"),
                 "the entry self is none");
}

TEST(TorchFile, TheFormatBeforeZip) {
  EXPECT_TRUE(read(old_file(5, 5)).at("a").equal(at::arange(5, at::kFloat)));
  expect_refused(old_file(5, 6), "storage k is cut or not as long as expected");
  expect_refused(old_file(5, -1), "storage k is cut");
  const std::string whole_file = old_file(5, 5);
  for (size_t n = 0; n < whole_file.size(); ++n) {
    EXPECT_NE(error_of(whole_file.substr(0, n)), "no error") << n;
  }
}

TEST(TorchFile, EveryCutIsRefused) {
  const std::string bytes = file_of(dict({text("a"), tensor(storage("0", 12), 0, {12}, {1})}));
  ASSERT_EQ(read(bytes).size(), 1U);
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_NE(error_of(bytes.substr(0, n)), "no error") << n;
  }
}

TEST(TorchFile, NothingButPlainTensors) {
  const std::string call = std::string("(") + text("true") + "tR";
  for (const auto& [module, name] : {std::pair{"posix", "system"},
                                     std::pair{"builtins", "eval"},
                                     std::pair{"torch", "load"},
                                     std::pair{"numpy.core.multiarray", "scalar"},
                                     std::pair{"torch._utils", "_rebuild_sparse_tensor"}}) {
    const std::string named = std::string(module) + "." + name;
    expect_refused(file_of(global(module, name) + call), "asks for " + named);
    expect_refused(file_of(text(module) + text(name) + "\x93" + call), "asks for " + named);
  }
  expect_refused(file_of(global("os\x1b[31m", std::string(300, 'x'))), "asks for os?[31m.xxx");
  expect_refused(file_of(global("torch", "FloatStorage") + ")R"), "which is no function");
  expect_refused(file_of(whole(1) + ")R"), "calls something that is no function");
  for (const char* op : {"i", "o", "\x81", "\x92", "P", "\x82"}) {
    expect_refused(file_of(op), "has the opcode");
  }
}

TEST(TorchFile, PicklesThatMakeNoSense) {
  const std::pair<std::string, std::string> pickles[] = {
      {"", "takes a value where there is none"},
      {"R", "takes a value where there is none"},
      {"(R", "takes a value where there is none"},
      {"t", "closes what it never opened"},
      {"h\x07", "recalls a value that it never kept"},
      {"q\x07", "keeps a value where there is none"},
      {"}(Nu", "a key without a value"},
      {"N(NNu", "no dictionary"},
      {"NNa", "no list"},
      {"NNb", "no dictionary"},
      {"\x8a\x09", "an integer of 9 bytes"},
      {std::string("\x80\x09"), "unknown protocol 9"},
      {"X\xff\xff\xff\x7f", "ends in the middle"},
      {"cposix", "ends in the middle"},
      {std::string(3'000'000, '('), "takes a value where there is none"},
      {std::string(3'000'000, 'N'), "more than 1048576 values"},
      {std::string(3'000'000, ']') + std::string(3'000'000, 'a'), "more than 1048576 values"}};
  for (const auto& [pickle, reason] : pickles) expect_refused(file_of(pickle), reason);
  expect_refused(archive({{"data.pkl", std::string(17 << 20, 'N'), true}}), "data.pkl has");
}

TEST(TorchFile, TensorsStayInsideTheirStorages) {
  const std::string numbers = storage("0", 12);
  const std::string tensors[] = {
      tensor(numbers, 0, {13}, {1}),
      tensor(numbers, 1, {12}, {1}),
      tensor(numbers, 12, {1}, {1}),
      tensor(numbers, 0, {4, 4}, {4, 1}),
      tensor(numbers, 0, {2}, {12}),
      tensor(numbers, 0, {1 << 30}, {0}),
      tensor(numbers, 0, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}),
      tensor(numbers, 0, {1 << 30, 1 << 30, 0}, {0, 0, 0}),
      tensor(numbers, 0, {2, 2}, {1}),
      tensor(numbers, 2, {2}, {-1}),
      tensor(numbers, -1, {2}, {1}),
      tensor(numbers, 0, {-2}, {1}),
      tensor(numbers, 0, std::vector<int32_t>(17, 1), std::vector<int32_t>(17, 1)),
      tensor(whole(3), 0, {1}, {1})};
  for (const std::string& bad : tensors) {
    expect_refused(file_of(dict({text("a"), bad})), "the pickle has a tensor");
  }
}

TEST(TorchFile, StoragesAreWhatTheyClaim) {
  const auto with = [](const std::string& of) {
    return dict({text("a"), tensor(of, 0, {1}, {1})});
  };
  expect_refused(file_of(with(storage("0", 13))), "expected 52 bytes, got 48");
  expect_refused(file_of(with(storage("0", 12, "Double"))), "expected 96 bytes, got 48");
  expect_refused(file_of(with(storage("0", -12))), "no whole number");
  expect_refused(file_of(with(storage("0", INT32_MAX))), "asks for 2147483647 numbers");
  expect_refused(file_of(with(storage("1", 12))), "cut or damaged");
  expect_refused(file_of(with(storage("../0", 12))), "cut or damaged");
  expect_refused(file_of(with(storage("0", 12, "Quantized"))), "asks for torch.QuantizedStorage");
  expect_refused(file_of(dict({text("a"),
                               tensor(storage("0", 12), 0, {1}, {1}),
                               text("b"),
                               tensor(storage("0", 6, "Double"), 0, {1}, {1})})),
                 "two types");
  // 64 MiB of zeros in an archive of some kilobytes.
  const std::string bomb = archive({{"data.pkl", kStart + with(storage("0", 1 << 24)) + kEnd},
                                    {"data/0", std::string(64 << 20, '\0'), true}});
  EXPECT_LT(bomb.size(), 1U << 20);
  expect_refused(bomb, "asks for 16777216 numbers");
  expect_refused(archive({{"byteorder", "big"}, {"data.pkl", kStart + dict({}) + kEnd}}),
                 "little-endian");
  expect_refused(archive({{"something", "else"}}), "cut or damaged");
  expect_refused("no such format", "expected a file of torch.save");
}

TEST(TorchFile, FlippedBytesNeverCrash) {
  const std::string files[] = {
      file_of(dict({text("a"), tensor(storage("0", 12), 0, {3, 4}, {4, 1})})), old_file(5, 5)};
  Random random(6);
  for (const std::string& bytes : files) {
    for (int round = 0; round < 1500; ++round) {
      std::string damaged = bytes;
      for (int flips = 0; flips <= round % 3; ++flips) {
        damaged[random.below(damaged.size())] = static_cast<char>(random.next());
      }
      (void)error_of(damaged);
    }
  }
}

}  // namespace
}  // namespace pointattn::models
