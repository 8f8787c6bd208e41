// SPDX-License-Identifier: Apache-2.0
// What the tests of the operators do not reach on an emulated GPU: TF32 by LibTorch's switch, and
// numbers of 16 bits, which the operators refuse on the CPU.
#include "cuda/attention.h"
#include "cuda/offset_attention.h"
#include "pointattn/ops/attention.h"
#include "pointattn/ops/attention_cuda_tiles.h"
#include "pointattn/ops/offset_attention.h"
#include "tests/ops/attention/attention_cases.h"
#include "tests/ops/attention/offset_attention_cases.h"
#include "tests/reference/attention.h"
#include "tests/reference/offset_attention.h"

#include <ATen/Context.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace pointattn {
namespace {

/// A value of its own for as long as this lives.
template <typename T>
class Changed {
 public:
  Changed(T& place, T value) : place_(place), before_(place) { place = value; }
  ~Changed() { place_ = before_; }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;

 private:
  T& place_;
  T before_;
};

class AllowedTf32 {
 public:
  AllowedTf32() { at::globalContext().setAllowTF32CuBLAS(true); }
  ~AllowedTf32() { at::globalContext().setAllowTF32CuBLAS(false); }
};

/// Whether float products are rounded to TF32 if that is allowed, and only then.
template <typename Function, typename Eager, typename Case>
void expect_tf32_where_allowed(const Function& function, const Eager& eager, const Case& input) {
  const Case narrow = input.to(at::kFloat);
  const auto exact = run_attention(eager, narrow.to(at::kDouble));
  const auto split = run_attention(function, narrow);
  const AllowedTf32 allowed;
  const auto rounded = run_attention(function, narrow);
  const Changed older(emulated::capability, 75);
  const auto plain = run_attention(function, narrow);
  for (size_t i = 0; i < exact.size(); ++i) {
    const double size = size_of(exact[i]);
    EXPECT_LT(max_difference(plain[i], exact[i]), 5e-6 * size) << "result " << i;
    EXPECT_LT(max_difference(split[i], exact[i]), 5e-6 * size) << "result " << i;
    EXPECT_LT(max_difference(rounded[i], exact[i]), 5e-3 * size) << "result " << i;
    EXPECT_GT(max_difference(rounded[i], exact[i]), 5e-5 * size) << "result " << i;
  }
}

TEST(TensorCoreAttention, RoundsToTf32WhereThatIsAllowed) {
  const Changed newer(emulated::capability, 80);
  expect_tf32_where_allowed(
      ops::offset_attention, reference::eager_offset_attention, random_input({97, 130}, 32, 70));
  expect_tf32_where_allowed(ops::attention,
                            reference::eager_attention,
                            random_case({{130}, {97}, 2, 40, 33}, Bias::kFinite));
}

/// Float results beside float64 with as many processors.
template <typename Function, typename Eager, typename Case>
void expect_close_with(int processors,
                       const Function& function,
                       const Eager& eager,
                       const Case& input) {
  const Changed newer(emulated::capability, 80);
  const Changed other(emulated::processors, processors);
  const Case narrow = input.to(at::kFloat);
  const auto exact = run_attention(eager, narrow.to(at::kDouble));
  const auto ours = run_attention(function, narrow);
  for (size_t i = 0; i < exact.size(); ++i)
    EXPECT_LT(max_difference(ours[i], exact[i]), 5e-6 * size_of(exact[i])) << "result " << i;
}

TEST(TensorCoreAttention, BlocksShareTheColumnsOfFewRows) {
  // One block a tile of rows, and as many as there are pairs of tiles; one cloud has no second share.
  for (const int processors : {1, 1000}) {
    expect_close_with(processors,
                      ops::offset_attention,
                      reference::eager_offset_attention,
                      random_input({389, 70}, 32, 40));
    expect_close_with(processors,
                      ops::attention,
                      reference::eager_attention,
                      random_case({{70, 30}, {389, 9}, 2, 24, 33}, Bias::kMasks));
  }
}

TEST(TensorCoreAttention, RowsOfAllSizesKeepTheirBits) {
  // Halves hold numbers from 6e-8 to 65504; floats, and what is to be found here, far smaller and
  // larger ones.
  const Changed newer(emulated::capability, 80);
  AttentionInput input = random_input({130}, 32, 20).to(at::kFloat);
  input.q *= at::pow(10, at::linspace(-12, 0, 130)).unsqueeze(1).to(at::kFloat);
  for (const double size : {1e-18, 1e18}) {
    const at::Tensor v = input.v.abs() * size;
    const at::Tensor exact = reference::offset_attention(
        input.q.to(at::kDouble), input.k.to(at::kDouble), v.to(at::kDouble), input.offsets);
    const at::Tensor ours = ops::offset_attention(input.q, input.k, v, input.offsets);
    EXPECT_LT((ours.to(at::kDouble) / exact - 1).abs().max().item<double>(), 2e-6) << size;
  }
}

ops::CudaTiles tiles_of(const at::Tensor& rows, const at::Tensor& columns) {
  const auto numbers = [](const at::Tensor& t) {
    const int64_t* const data = t.const_data_ptr<int64_t>();
    return std::vector<int64_t>(data, data + t.numel());
  };
  return ops::cuda_tiles(numbers(rows), numbers(columns), cuda::kAttentionTile<__half>, rows);
}

/// out, dq, dk, dv by the launchers, for inputs of the dtype that T stands for.
template <typename T>
std::vector<at::Tensor> launch(const AttentionInput& input) {
  ops::CudaScratch scratch(at::kCPU);
  const auto row = [&] { return at::empty({input.q.size(0)}); };
  const ops::CudaTiles tiles = tiles_of(input.offsets, input.offsets);
  const at::Tensor out = at::empty_like(input.v), max = row(), scale = row(), columns = row();
  const auto read = [](const at::Tensor& t) { return ops::cuda_data<T>(t); };
  const auto write = [](const at::Tensor& t) { return ops::mutable_cuda_data<T>(t); };
  const auto number = [](const at::Tensor& t) { return ops::mutable_cuda_data<float>(t); };
  const cuda::OffsetAttentionInputs<T> inputs{read(input.q),
                                              read(input.k),
                                              read(input.v),
                                              tiles.params(),
                                              input.q.size(0),
                                              input.q.size(1),
                                              input.v.size(1),
                                              false};
  cuda::launch_offset_attention_forward(
      cuda::OffsetAttentionForward<T>{
          inputs, write(out), number(max), number(scale), number(columns)},
      std::ref(scratch),
      nullptr);
  const at::Tensor column_dot = row(), row_dot = row();
  const at::Tensor q = at::empty_like(input.q), k = at::empty_like(input.k),
                   v = at::empty_like(input.v);
  cuda::launch_offset_attention_backward(cuda::OffsetAttentionBackward<T>{inputs,
                                                                          read(input.grad),
                                                                          read(out),
                                                                          number(max),
                                                                          number(scale),
                                                                          number(columns),
                                                                          number(column_dot),
                                                                          number(row_dot),
                                                                          write(q),
                                                                          write(k),
                                                                          write(v)},
                                         std::ref(scratch),
                                         nullptr);
  return {out, q, k, v};
}

/// out, dq, dk, dv, dbias.
template <typename T>
std::vector<at::Tensor> launch(const AttentionCase& input) {
  ops::CudaScratch scratch(at::kCPU);
  const ops::CudaTiles query_tiles = tiles_of(input.query_offsets, input.key_offsets);
  const ops::CudaTiles key_tiles = tiles_of(input.key_offsets, input.query_offsets);
  const auto row = [&] { return at::empty({input.q.size(0) * input.q.size(1)}); };
  const at::Tensor out = at::empty_like(input.grad), max = row(), scale = row();
  const auto read = [](const at::Tensor& t) { return ops::cuda_data<T>(t); };
  const auto write = [](const at::Tensor& t) { return ops::mutable_cuda_data<T>(t); };
  const auto number = [](const at::Tensor& t) { return ops::mutable_cuda_data<float>(t); };
  const cuda::AttentionInputs<T> inputs{read(input.q),
                                        read(input.k),
                                        read(input.v),
                                        read(*input.bias),
                                        query_tiles.params(),
                                        input.q.size(0),
                                        input.k.size(0),
                                        input.q.size(1),
                                        input.q.size(2),
                                        input.v.size(2),
                                        static_cast<float>(input.scale),
                                        false};
  cuda::launch_attention_forward(
      cuda::AttentionForward<T>{inputs, write(out), number(max), number(scale)},
      std::ref(scratch),
      nullptr);
  const at::Tensor row_dot = row();
  const at::Tensor q = at::empty_like(input.q), k = at::empty_like(input.k),
                   v = at::empty_like(input.v), bias = at::empty_like(*input.bias);
  cuda::launch_attention_backward(cuda::AttentionBackward<T>{inputs,
                                                             key_tiles.params(),
                                                             read(input.grad),
                                                             read(out),
                                                             number(max),
                                                             number(scale),
                                                             number(row_dot),
                                                             write(q),
                                                             write(k),
                                                             write(v),
                                                             write(bias)},
                                  std::ref(scratch),
                                  nullptr);
  return {out, q, k, v, bias};
}

/// No worse than twice the error of the eager form in the same dtype.
template <typename T, typename Eager, typename Case>
void expect_close(at::ScalarType type, const Eager& eager, const Case& input) {
  const Changed newer(emulated::capability, 80);
  const Case narrow = input.to(type);
  const auto exact = run_attention(eager, narrow.to(at::kDouble));
  const auto theirs = run_attention(eager, narrow);
  const auto ours = launch<T>(narrow);
  const double step = type == at::kHalf ? 1e-3 : 8e-3;
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LE(max_difference(ours[i], exact[i]),
              2 * max_difference(theirs[i], exact[i]) + step * size_of(exact[i]))
        << type << ", result " << i;
    EXPECT_LT(max_difference(ours[i], exact[i]), 5 * step * size_of(exact[i])) << "result " << i;
  }
}

template <typename Eager, typename Case>
void expect_close_in_16_bits(const Eager& eager, const Case& input) {
  expect_close<__half>(at::kHalf, eager, input);
  expect_close<__nv_bfloat16>(at::kBFloat16, eager, input);
}

TEST(TensorCoreAttention, OffsetAttentionOfNumbersOf16Bits) {
  expect_close_in_16_bits(reference::eager_offset_attention,
                          random_input({193, 0, 61}, 32, 128, 1));
  expect_close_in_16_bits(reference::eager_offset_attention, random_input({70, 5}, 35, 150, 1));
}

TEST(TensorCoreAttention, AttentionOfNumbersOf16Bits) {
  expect_close_in_16_bits(reference::eager_attention,
                          random_case({{130, 7}, {97, 61}, 2, 32, 64}, Bias::kFinite));
  expect_close_in_16_bits(reference::eager_attention,
                          random_case({{33}, {129}, 3, 67, 131}, Bias::kMasks));
}

TEST(TensorCoreAttention, TinyWeightsOfHalvesCount) {
  // All points but one give a key weights near 2e-7, below what a half holds: their sum is the
  // key's whole column.
  AttentionInput input = random_input({100}, 16, 16);
  input.q.fill_(1);
  input.k.zero_();
  input.k[7] = std::log(2e-5) / 16;
  const Changed newer(emulated::capability, 80);
  const AttentionInput narrow = input.to(at::kHalf);
  const at::Tensor exact =
      reference::offset_attention(narrow.q, narrow.k, narrow.v, narrow.offsets);
  EXPECT_LT(max_difference(launch<__half>(narrow)[0], exact), 1e-3);
}

TEST(TensorCoreAttention, OlderDevicesRefuseNumbersOf16Bits) {
  const Changed older(emulated::capability, 75);
  const auto message = [](const auto& action) -> std::string {
    try {
      action();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string expected =
      ": expected a GPU (and a build) of compute capability 8.0 or later for numbers of 16 bits";
  EXPECT_EQ(message([] { launch<__half>(random_input({5}, 2, 3).to(at::kHalf)); }),
            "offset_attention" + expected);
  EXPECT_EQ(
      message([] {
        launch<__nv_bfloat16>(random_case({{5}, {4}, 2, 3, 2}, Bias::kFinite).to(at::kBFloat16));
      }),
      "attention" + expected);
}

}  // namespace
}  // namespace pointattn
