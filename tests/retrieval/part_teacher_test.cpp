// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/part_teacher.h"

#include "datasets/captions.h"
#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

namespace pointattn::retrieval {
namespace {

at::Tensor some_boxes(int64_t shape) {
  return datasets::generated_captions(22, 1, 3)->boxes(shape);
}

TEST(ShakenBoxes, AreThoseOfTheShapeWhateverItsUnitAndPlace) {
  const at::Tensor boxes = some_boxes(0);
  at::Tensor elsewhere = boxes.clone();
  elsewhere.narrow(1, 0, 6).mul_(40);
  elsewhere.narrow(1, 0, 3).add_(7);
  const at::Tensor shaken = shaken_boxes(boxes, Random(5));
  EXPECT_TRUE(at::equal(shaken, shaken_boxes(boxes, Random(5))));
  EXPECT_FALSE(at::equal(shaken, shaken_boxes(boxes, Random(6))));
  EXPECT_TRUE(at::allclose(shaken, shaken_boxes(elsewhere, Random(5)), 0, 1e-4));
  EXPECT_LE(shaken.narrow(1, 0, 3).norm(2, 1).max().item<double>(), 1.2);
  EXPECT_THROW(shaken_boxes(boxes.narrow(0, 0, 0), Random(5)), c10::ValueError);
  EXPECT_THROW(shaken_boxes(boxes.narrow(1, 0, 14), Random(5)), c10::ValueError);
}

TEST(BoxSetEncoder, TheOrderOfTheBoxesAndTheOtherShapesDoNotMatter) {
  at::manual_seed(1);
  BoxSetEncoder encoder(32, 16);
  encoder->eval();
  const at::Tensor a = shaken_boxes(some_boxes(0), Random(1)),
                   b = shaken_boxes(some_boxes(1), Random(2));
  const at::Tensor both = encoder(at::cat({a, b}), offsets_of({a.size(0), b.size(0)}));
  EXPECT_EQ(both.sizes(), at::IntArrayRef({2, 16}));
  const at::Tensor alone = encoder(a.flip(0), offsets_of({a.size(0)}));
  EXPECT_TRUE(at::allclose(both[0], alone[0], 1e-5, 1e-6));
}

TEST(TeachingLoss, ReachesBothSidesAndTheTeacher) {
  at::manual_seed(2);
  RetrievalOptions options;
  options.shape.channels = options.shape.features = options.shape.hidden = 16;
  options.width = 8;
  options.shape.whole = options.text.whole = true;
  options.text.words = 4;
  options.text.buckets = 16;
  TaughtNetwork taught(options, true);
  std::vector<at::Tensor> boxes;
  for (int64_t shape = 0; shape < 3; ++shape) {
    boxes.push_back(shaken_boxes(some_boxes(shape), Random(3, static_cast<uint64_t>(shape))));
  }
  const at::Tensor sentences = at::randn({6, 2, 8}).requires_grad_();
  const at::Tensor shapes = at::randn({3, 5, 8}).requires_grad_();
  const at::Tensor scores = at::rand({6, 3}).requires_grad_();
  const at::Tensor loss = teaching_loss(*taught, sentences, shapes, scores, boxes);
  EXPECT_GT(loss.item<double>(), 0);
  std::vector<at::Tensor> learners = {sentences, shapes, scores, taught->log_scale};
  for (const at::Tensor& parameter : taught->teacher->parameters()) learners.push_back(parameter);
  for (const at::Tensor& gradient : torch::autograd::grad({loss}, learners)) {
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
    EXPECT_GT(gradient.abs().max().item<double>(), 0);
  }
}

}  // namespace
}  // namespace pointattn::retrieval
