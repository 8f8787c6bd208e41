// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/instruction_set.h"
#include "pointattn/ops/vector_attention_inputs.h"
#include "pointattn/ops/vector_attention_tile.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

namespace pointattn::ops {
namespace {

using at::Tensor;

template <typename T>
vector_tile::Attend<T> widest_attend() {
#if defined(__x86_64__)
  if (instruction_set() == InstructionSet::kAvx512) return vector_tile::avx512_attend<T>();
  if (instruction_set() == InstructionSet::kAvx2) return vector_tile::avx2_attend<T>();
#endif
  return vector_tile::baseline_attend<T>();
}

/// The matrix and then the bias as one, transposed, each row padded: [in+1,padded(out)].
Tensor lay_out(const Tensor& weight, const Tensor& bias) {
  const int64_t out = weight.size(0);
  Tensor rows = at::zeros({weight.size(1) + 1, vector_tile::padded(out)}, weight.options());
  rows.narrow(1, 0, out).narrow(0, 0, weight.size(1)).copy_(weight.t());
  rows.narrow(1, 0, out).select(0, weight.size(1)).copy_(bias);
  return rows;
}

/// The tensors behind vector_tile::Layers.
struct LaidOut {
  Tensor position, offset, relation, hidden, logits;

  explicit LaidOut(const VectorAttentionWeights& w)
      : position(at::cat({w.position_weight.t(), w.position_bias.unsqueeze(0)}).contiguous()),
        offset(lay_out(w.offset_weight, w.offset_bias)),
        relation(lay_out(at::cat({w.offset_weight * w.scale.unsqueeze(1), w.scale.unsqueeze(1)}, 1),
                         w.shift + w.scale * w.offset_bias)),
        hidden(lay_out(w.hidden_weight, w.hidden_bias)),
        logits(lay_out(w.logit_weight, w.logit_bias)) {}

  template <typename T>
  vector_tile::Layers<T> view() const {
    return {position.const_data_ptr<T>(),
            offset.const_data_ptr<T>(),
            relation.const_data_ptr<T>(),
            hidden.const_data_ptr<T>(),
            logits.const_data_ptr<T>()};
  }
};

template <typename T>
vector_tile::Rows<T> rows_of(const Tensor& tensor) {
  return {tensor.const_data_ptr<T>(), tensor.stride(0)};
}

template <typename T>
void attend_all(const vector_tile::Operands<T>& in,
                const vector_tile::Layers<T>& layers,
                int64_t n) {
  const vector_tile::Attend<T> attend = widest_attend<T>();
  const int64_t step = in.tile_points();
  at::parallel_for(0, (n + step - 1) / step, 1, [&](int64_t from, int64_t to) {
    std::vector<T> memory(static_cast<size_t>(vector_tile::Scratch<T>::size(in)));
    std::vector<int64_t> neighbor(static_cast<size_t>(in.tile_rows()));
    std::vector<int64_t> first(static_cast<size_t>(step) + 1);
    const vector_tile::Scratch<T> scratch(memory.data(), in);
    for (int64_t t = from; t < to; ++t) {
      attend(in,
             layers,
             t * step,
             std::min(n, (t + 1) * step),
             scratch,
             neighbor.data(),
             first.data());
    }
  });
}

Tensor vector_attention_cpu(const Tensor& xyz_in,
                            const Tensor& query_in,
                            const Tensor& key_in,
                            const Tensor& value_in,
                            const Tensor& index_in,
                            at::TensorList weights) {
  const VectorAttentionWeights w =
      check_vector_attention(xyz_in, query_in, key_in, value_in, index_in, weights);
  const Tensor xyz = xyz_in.contiguous(), index = index_in.contiguous();
  const Tensor query = with_dense_rows(query_in), key = with_dense_rows(key_in),
               value = with_dense_rows(value_in);
  const LaidOut layers(w);
  Tensor out = at::empty(query.sizes(), query.options());
  AT_DISPATCH_FLOATING_TYPES(query.scalar_type(), "vector_attention", [&] {
    const vector_tile::Operands<scalar_t> in{xyz.const_data_ptr<scalar_t>(),
                                             rows_of<scalar_t>(query),
                                             rows_of<scalar_t>(key),
                                             rows_of<scalar_t>(value),
                                             index.const_data_ptr<int64_t>(),
                                             out.mutable_data_ptr<scalar_t>(),
                                             index.size(1),
                                             query.size(1),
                                             w.logit_bias.size(0)};
    attend_all(in, layers.view<scalar_t>(), query.size(0));
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_IMPL(pointattn, CPU, m) { m.impl("vector_attention", &vector_attention_cpu); }

}  // namespace pointattn::ops
