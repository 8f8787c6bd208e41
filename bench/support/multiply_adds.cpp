// SPDX-License-Identifier: Apache-2.0
#include "bench/support/multiply_adds.h"

#include "pointattn/core/point_batch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include <map>
#include <string>

namespace pointattn::bench {
namespace {

using Inputs = std::vector<c10::IValue>;
using Outputs = std::vector<c10::IValue>;

int64_t total = 0;

/// Elements of the result times the length of the sums behind each.
int64_t product(const Inputs& in, const Outputs& out, size_t left) {
  return out.at(0).toTensor().numel() * in[left].toTensor().size(-1);
}

int64_t convolution(const Inputs& in, const Outputs& out, size_t /*left*/) {
  const at::Tensor& kernel = in[1].toTensor();
  return out.at(0).toTensor().numel() * kernel[0].numel();
}

/// Pairs of queries and keys times the widths of keys and values, over all heads.
int64_t attention(const at::Tensor& q,
                  const at::Tensor& v,
                  const at::Tensor& query_offsets,
                  const at::Tensor& key_offsets) {
  const std::vector<int64_t> queries = counts_of(query_offsets), keys = counts_of(key_offsets);
  int64_t pairs = 0;
  for (size_t b = 0; b < queries.size(); ++b) pairs += queries[b] * keys[b];
  return pairs * (q[0].numel() + v[0].numel());
}

int64_t plain_attention(const Inputs& in, const Outputs& /*out*/, size_t /*left*/) {
  return attention(in[0].toTensor(), in[2].toTensor(), in[3].toTensor(), in[4].toTensor());
}

int64_t offset_attention(const Inputs& in, const Outputs& /*out*/, size_t /*left*/) {
  return attention(in[0].toTensor(), in[2].toTensor(), in[3].toTensor(), in[3].toTensor());
}

int64_t ragged(const Inputs& in, const Outputs& /*out*/, size_t /*left*/) {
  return in[0].toTensor().numel() * in[1].toTensor().size(-1);
}

struct Cost {
  int64_t (*count)(const Inputs& in, const Outputs& out, size_t left);
  size_t left = 0;  ///< which input is the product's left factor
};

const std::map<std::string, Cost>& costs() {
  static const std::map<std::string, Cost> table = {
      {"aten::mm", {product}},
      {"aten::bmm", {product}},
      {"aten::addmm", {product, 1}},
      {"aten::baddbmm", {product, 1}},
      {"mkldnn::_linear_pointwise", {product}},
      {"aten::convolution", {convolution}},
      {"pointattn::_attention_forward", {plain_attention}},
      {"pointattn::_offset_attention_forward", {offset_attention}},
      {"pointattn::ragged_pool", {ragged}},
      {"pointattn::ragged_expand", {ragged}},
  };
  return table;
}

/// Operators that are called by a counted one are part of it.
int depth = 0;

struct Inside : at::ObserverContext {
  const Cost* cost = nullptr;
  Inputs inputs;  // which the record does not keep
};

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  auto inside = std::make_unique<Inside>();
  const auto found = costs().find(function.name());
  if (found != costs().end() && depth++ == 0) {
    inside->cost = &found->second;
    inside->inputs.assign(function.inputs().begin(), function.inputs().end());
  }
  return inside;
}

void leave(const at::RecordFunction& function, at::ObserverContext* context) {
  if (costs().count(function.name()) == 0) return;
  --depth;
  const auto* inside = static_cast<Inside*>(context);
  const Cost* cost = inside->cost;
  if (cost) total += cost->count(inside->inputs, function.outputs(), cost->left);
}

}  // namespace

int64_t multiply_adds_of(const std::function<void()>& work) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // all operators on this thread
  total = 0;
  const at::CallbackHandle handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(enter, leave)
                                     .needsInputs(true)
                                     .needsOutputs(true)
                                     .scopes({at::RecordScope::FUNCTION}));
  work();
  at::removeCallback(handle);
  at::set_num_threads(threads);
  return total;
}

}  // namespace pointattn::bench
