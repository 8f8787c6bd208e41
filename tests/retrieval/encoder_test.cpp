// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/encoder.h"

#include "pointattn/retrieval/part_names.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::retrieval {
namespace {

constexpr int64_t kSeen = 64;

/// Four parts and the whole, with random weights.
Encoder small_encoder() {
  at::manual_seed(1);
  RetrievalModel model;
  model.options.shape = {16, 32, 4, /*whole=*/true, 8, 2};
  model.options.width = 16;
  model.options.text.words = 3;
  model.options.text.buckets = 64;
  model.options.text.width = 8;
  model.options.text.hidden = 8;
  model.options.text.attention_hidden = 8;
  model.options.text.hops = 3;
  model.points = kSeen;
  model.vocabulary = std::make_shared<const text::Vocabulary>(
      std::vector<std::string>{"chair", "leg", "table"}, 64);
  model.network = RetrievalNetwork(model.options);
  model.network->eval();
  return {std::move(model), "small"};
}

at::Tensor box_of(int64_t points) {
  at::manual_seed(2);
  return at::rand({points, 3}) * at::tensor({1.0, 2.0, 1.0}) + 100;
}

TEST(Encoder, PointsBelongToPartsAndNotToTheWhole) {
  const ShapeEmbedding shape = small_encoder().shape(box_of(300));
  EXPECT_EQ(shape.parts.size(0), 5);
  EXPECT_EQ(shape.part_names[0], kWholeShape);
  EXPECT_EQ(shape.points.size(0), kSeen);
  const at::Tensor most = shape.attention.narrow(1, 1, 4).argmax(1) + 1;
  EXPECT_TRUE(at::equal(shape.part, most));
}

TEST(Encoder, SpreadsAttentionToAllPoints) {
  const ShapeEmbedding seen = small_encoder().shape(box_of(300));
  const ShapeEmbedding all = spread(seen);
  EXPECT_EQ(all.points.size(0), 300);
  EXPECT_EQ(all.attention.sizes(), (std::vector<int64_t>{300, 5}));
  EXPECT_TRUE(at::allclose(all.attention.sum(0), at::ones({5}), 0, 1e-5));
  EXPECT_TRUE(all.part.ge(1).all().item<bool>());
  // The points that the network saw lie among them, and keep their part and their attention.
  const at::Tensor far = at::cdist(seen.points, all.points);
  const auto [distance, row] = far.min(1);
  EXPECT_LT(distance.max().item<double>(), 1e-3);
  EXPECT_TRUE(at::equal(all.part.index_select(0, row), seen.part));
  const at::Tensor kept = all.attention.index_select(0, row);
  EXPECT_TRUE(at::allclose(kept / kept.sum(0), seen.attention, 1e-2, 1e-5));
  EXPECT_TRUE(at::equal(all.parts, seen.parts));
}

TEST(Encoder, SketchesAreAnEvenShareOfThePoints) {
  const ShapeEmbedding shape = small_encoder().shape(box_of(300));
  GalleryEntry entry;
  add_sketch(entry, shape, 16);
  EXPECT_TRUE(at::equal(entry.sketch, shape.points.slice(0, 0, kSeen, 4)));
  for (size_t i = 0; i < 16; ++i)
    EXPECT_EQ(entry.sketch_parts[i], shape.part[static_cast<int64_t>(4 * i)].item<int64_t>());
  GalleryEntry none;
  add_sketch(none, shape, 0);
  EXPECT_FALSE(none.sketch.defined());
}

}  // namespace
}  // namespace pointattn::retrieval
