// SPDX-License-Identifier: Apache-2.0
// float16 and bfloat16 on the CPU: widened to float32, and the products of a tile in bfloat16 where
// the processor gains by it.
#include "pointattn/ops/attention.h"
#include "pointattn/ops/offset_attention.h"
#include "pointattn/ops/offset_attention_symmetric.h"
#include "tests/ops/attention/attention_cases.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/attention.h"
#include "tests/reference/offset_attention.h"

#include <gtest/gtest.h>

namespace pointattn {
namespace {

namespace tile = ops::tile;

class NarrowAttention : public testing::TestWithParam<at::ScalarType> {
 protected:
  /// Rounding of a result and of what enters its last product, relative to the largest number.
  double tolerance() const { return GetParam() == at::kHalf ? 0x1p-9 : 0x1p-6; }

  /// `ours` of narrow inputs, `exact` of the same numbers in float64.
  void expect_close(const std::vector<at::Tensor>& ours,
                    const std::vector<at::Tensor>& exact) const {
    ASSERT_EQ(ours.size(), exact.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      ASSERT_EQ(ours[i].scalar_type(), GetParam()) << i;
      ASSERT_EQ(ours[i].sizes(), exact[i].sizes()) << i;
      EXPECT_LT(max_difference(ours[i], exact[i]), tolerance() * size_of(exact[i])) << i;
    }
  }
};

TEST_P(NarrowAttention, OffsetAttentionOfOneMatrix) {
  const AttentionInput input = random_input({200, 0, 1, 97}, 32, 33).to(GetParam());
  expect_close(run_shared(ops::offset_attention, input),
               run_shared(reference::eager_offset_attention, input.to(at::kDouble)));
}

TEST_P(NarrowAttention, OffsetAttentionOfTwo) {
  const AttentionInput input = random_input({193, 5}, 7, 70).to(GetParam());
  expect_close(run_attention(ops::offset_attention, input),
               run_attention(reference::eager_offset_attention, input.to(at::kDouble)));
}

TEST_P(NarrowAttention, PlainAttention) {
  const AttentionCase input =
      random_case({{150, 3}, {201, 5}, 2, 16, 33}, Bias::kFinite).to(GetParam());
  expect_close(run_attention(ops::attention, input),
               run_attention(reference::eager_attention, input.to(at::kDouble)));
}

TEST_P(NarrowAttention, StridedAndEmpty) {
  const AttentionInput input = random_input({150, 60}, 6, 9).to(GetParam());
  const at::Tensor q = strided(input.q), v = strided(input.v);
  EXPECT_TRUE(at::equal(ops::offset_attention(q, q, v, input.offsets),
                        ops::offset_attention(input.q, input.q, input.v, input.offsets)));
  const at::Tensor none = at::zeros({0, 4}, GetParam());
  EXPECT_EQ(ops::offset_attention(none, none, none, at::tensor({0}, at::kLong)).scalar_type(),
            GetParam());
}

INSTANTIATE_TEST_SUITE_P(Types,
                         NarrowAttention,
                         testing::Values(at::kHalf, at::kBFloat16),
                         [](const auto& type) { return c10::toString(type.param); });

#if defined(__x86_64__)
/// Products in bfloat16, on any processor that has them.
class Bfloat16Products : public testing::Test {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx512bf16")) GTEST_SKIP() << "no AVX512-BF16 on this processor";
  }

  /// Not to be called before SetUp() has seen the processor.
  static const tile::Kernels<float>& table() {
    static const tile::Kernels<float> kernels = tile::avx512_bfloat16_kernels();
    return kernels;
  }
};

at::Tensor rounded(const at::Tensor& tensor) { return tensor.to(at::kBFloat16).to(at::kDouble); }

TEST_F(Bfloat16Products, OfATileAndItsMirrorImageEqualPlainOnes) {
  at::manual_seed(5);
  for (const auto& [rows, cols, width] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                          {2, 3, 32},
                                          {13, 31, 33},
                                          {96, 95, 7},
                                          {191, 192, 128},
                                          {192, 97, 65}}) {
    SCOPED_TRACE(testing::Message() << rows << " by " << cols << ", width " << width);
    // What lies beyond the rows and columns of the tile is not to be read.
    at::Tensor tile = at::full({tile::kTileRows, tile::kTileCols}, NAN);
    at::Tensor scores = tile.narrow(0, 0, rows).narrow(1, 0, cols);
    scores.uniform_();
    for (const bool mirrored : {false, true}) {
      const int64_t depth = mirrored ? rows : cols;
      const int64_t count = mirrored ? cols : rows;
      const at::Tensor right = at::randn({depth, width});
      const at::Tensor factors = at::rand({depth});
      const tile::Layout<float> layout({0, depth}, {}, table());
      const tile::PackedColumns<float> packed =
          layout.columns({right.unsqueeze(1), 1, factors.const_data_ptr<float>()});
      at::Tensor out = at::ones({count, width});
      (mirrored ? table().multiply_transposed : table().multiply)(
          tile.const_data_ptr<float>(),
          rows,
          cols,
          packed.at(layout.row_tiles()[0]),
          {out.mutable_data_ptr<float>(), width, width});
      const at::Tensor left = rounded(mirrored ? scores.t() : scores);
      const at::Tensor expected = left.mm(rounded(right * factors.unsqueeze(1))) + 1;
      EXPECT_LT(max_difference(out, expected), 1e-5 * size_of(expected)) << mirrored;
    }
  }
}

TEST_F(Bfloat16Products, OffsetAttentionOnThem) {
  for (const std::vector<int64_t>& counts :
       {std::vector<int64_t>{1}, {2}, {95}, {389}, {0, 31, 0, 194}}) {
    const AttentionInput input = random_input(counts, 32, 40).to(at::kBFloat16).to(at::kFloat);
    const at::Tensor q = input.q.unsqueeze(1);
    const at::Tensor offsets = input.offsets;
    const std::vector<int64_t> starts(offsets.const_data_ptr<int64_t>(),
                                      offsets.const_data_ptr<int64_t>() + offsets.numel());
    const ops::OffsetAttentionForms<float> forms(q, true, starts, table());
    const auto result = ops::empty_offset_attention_result(input.q, input.v);
    ops::symmetric_forward(forms, q, input.v.unsqueeze(1), result);
    const at::Tensor exact = reference::offset_attention(input.q, input.q, input.v, offsets);
    const double error = max_difference(std::get<0>(result), exact);
    EXPECT_LT(error, 0x1p-8 * size_of(exact)) << counts.front();
    if (input.q.size(0) > 100) {
      EXPECT_GT(error, 1e-5) << "that would be float32";
    }
  }
}
#endif

}  // namespace
}  // namespace pointattn
