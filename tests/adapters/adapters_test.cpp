// SPDX-License-Identifier: Apache-2.0
#include "tests/adapters/adapters_test.h"

#include "pointattn/core/files.h"
#include "tests/apps/program.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace pointattn::test {

models::Segmenter random_segmenter() {
  const ScratchFolder folder;
  write_model(folder / "m.safetensors");
  return models::Segmenter(models::load_model(folder / "m.safetensors"));
}

const LabelMap& two_categories() {
  static const LabelMap labels = random_segmenter().model().spec.labels;
  return labels;
}

models::Segmentation labels_in_turn(int64_t points) {
  models::Segmentation result;
  result.label = at::arange(points, at::kLong).remainder(5);
  return result;
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return {};
}

void expect_empty_error(const std::string& message) {
  EXPECT_NE(message.find("expected"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

void expect_operators(const at::Tensor& xyz,
                      const ops::Neighbors& nearest,
                      const ops::RaggedNeighbors& within,
                      double radius) {
  const at::Tensor squares = (xyz.unsqueeze(1) - xyz.unsqueeze(0)).square();
  const auto [sq_dist, index] =
      (squares.select(2, 0) + squares.select(2, 1) + squares.select(2, 2)).sort(true, 1, false);
  const int64_t k = nearest.index.size(1);
  EXPECT_TRUE(nearest.index.equal(index.narrow(1, 0, k)));
  EXPECT_TRUE(nearest.sq_dist.equal(sq_dist.narrow(1, 0, k)));
  const at::Tensor near = sq_dist.to(at::kDouble).le(radius * radius);
  EXPECT_GT(near.sum().item<int64_t>(), 2 * xyz.size(0));
  EXPECT_TRUE(within.offsets.diff().equal(near.sum(1)));
  EXPECT_TRUE(within.index.equal(index.masked_select(near)));
  EXPECT_TRUE(within.sq_dist.equal(sq_dist.masked_select(near)));
}

bool readme_shows(const std::string& example) {
  const std::filesystem::path root = POINTATTN_ROOT_FOLDER;
  const std::string code = read_file(root / "tests/adapters" / example);
  const size_t begin = code.find("\n  const auto result");
  std::string shown = code.substr(begin, code.find("\n\n", begin) + 1 - begin);
  for (size_t at = 0; (at = shown.find("\n  ", at)) != std::string::npos; ++at)
    shown.erase(at + 1, 2);
  shown.insert(0, "```cpp").append("```");
  return read_file(root / "README.md").find(shown) != std::string::npos;
}

int run_example(const std::string& program,
                const ScratchFolder& folder,
                const std::string& input,
                const std::string& output) {
  write_model(folder / "m.safetensors");
  const std::string command = "cd '" + folder.path().string() + "' && '" + program +
                              "' m.safetensors " + input + " " + output;
  return std::system(command.c_str());
}

}  // namespace pointattn::test
