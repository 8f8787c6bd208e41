// SPDX-License-Identifier: Apache-2.0
#include "bench/support/eager_pct.h"

#include <ATen/ATen.h>

#include <limits>
#include <utility>

namespace pointattn::bench {

EagerPct::EagerPct(const models::Network& network) {
  for (const auto& entry : network.named_parameters())
    parameters_[entry.key()] = entry.value().detach().clone().requires_grad_();
  for (const auto& entry : network.named_buffers()) buffers_[entry.key()] = entry.value().clone();
}

std::vector<at::Tensor> EagerPct::parameters() const {
  std::vector<at::Tensor> all;
  for (const auto& [name, parameter] : parameters_) all.push_back(parameter);
  return all;
}

at::Tensor EagerPct::layer(const at::Tensor& rows,
                           const std::string& name,
                           double slope,
                           bool training) const {
  const auto bias = parameters_.find(name + ".linear.bias");
  const at::Tensor y = at::linear(
      rows, at(name + ".linear.weight"), bias == parameters_.end() ? at::Tensor() : bias->second);
  const at::Tensor z = at::batch_norm(y.flatten(0, -2),
                                      at(name + ".norm.weight"),
                                      at(name + ".norm.bias"),
                                      buffers_.at(name + ".norm.running_mean"),
                                      buffers_.at(name + ".norm.running_var"),
                                      training,
                                      0.1,
                                      1e-5,
                                      true)
                           .view(y.sizes());
  return slope == 0 ? at::relu(z) : at::leaky_relu(z, slope);
}

std::vector<at::Tensor> EagerPct::attention(const at::Tensor& input, bool training) const {
  std::vector<at::Tensor> outputs;
  at::Tensor x = input;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "attention." + std::to_string(i);
    const at::Tensor qk = at::linear(x, at(name + ".qk.weight"));
    const at::Tensor value = at::linear(x, at(name + ".value.weight"), at(name + ".value.bias"));
    const at::Tensor map = at::softmax(at::matmul(qk, qk.transpose(1, 2)), 2);
    const at::Tensor out = at::matmul((map / (1e-9 + map.sum(1, true))).transpose(1, 2), value);
    outputs.push_back(x = x + layer(x - out, name + ".transform", 0, training));
  }
  return outputs;
}

at::Tensor EagerPctSegmenter::operator()(const at::Tensor& xyz,
                                         const at::Tensor& one_hot,
                                         bool training) const {
  const int64_t B = xyz.size(0);
  const int64_t N = xyz.size(1);
  const at::Tensor x = layer(layer(xyz, "embed1", 0, training), "embed2", 0, training);
  const at::Tensor wide = layer(at::cat(attention(x, training), 2), "fuse", 0.2, training);
  const at::Tensor label = layer(one_hot, "label", 0.2, training);
  const auto repeat = [&](const at::Tensor& row) { return row.expand({B, N, row.size(2)}); };
  const at::Tensor all = at::cat(
      {wide, repeat(wide.amax(1, true)), repeat(wide.mean(1, true)), repeat(label.unsqueeze(1))},
      2);
  const at::Tensor head = at::dropout(layer(all, "head1", 0, training), 0.5, training);
  return at::linear(layer(head, "head2", 0, training), at("scores.weight"), at("scores.bias"))
      .view({B * N, -1});
}

at::Tensor eager_farthest(const at::Tensor& xyz, int64_t count) {
  const int64_t B = xyz.size(0);
  at::Tensor distance =
      at::full({B, xyz.size(1)}, std::numeric_limits<float>::infinity(), xyz.options());
  at::Tensor chosen = at::zeros({B, count}, at::kLong);
  for (int64_t m = 1; m < count; ++m) {
    const at::Tensor last = chosen.narrow(1, m - 1, 1).unsqueeze(2).expand({B, 1, 3});
    distance = at::minimum(distance, (xyz - xyz.gather(1, last)).square().sum(2));
    chosen.select(1, m).copy_(distance.argmax(1));
  }
  return chosen;
}

namespace {

/// rows [B,N,C] at index [B,M] → [B,M,C]
at::Tensor taken(const at::Tensor& rows, const at::Tensor& index) {
  return rows.gather(1, index.unsqueeze(2).expand({-1, -1, rows.size(2)}));
}

}  // namespace

at::Tensor EagerPctClassifier::operator()(const at::Tensor& xyz, bool training) const {
  constexpr int64_t kNeighbors = 32;
  at::Tensor points = xyz;
  at::Tensor x = layer(layer(xyz, "embed1", 0, training), "embed2", 0, training);
  for (const auto& [name, count] :
       {std::pair<std::string, int64_t>{"group1", 512}, {"group2", 256}}) {
    at::Tensor index;
    at::Tensor near;
    {
      const at::NoGradGuard no_grad;
      index = eager_farthest(points, count);
      near = std::get<1>(at::cdist(taken(points, index), points)
                             .topk(kNeighbors, 2, /*largest=*/false));  // [B,M,K]
    }
    const at::Tensor own = taken(x, index).unsqueeze(2);  // [B,M,1,C]
    const at::Tensor group =
        taken(x, near.flatten(1)).view({x.size(0), count, kNeighbors, x.size(2)});
    const at::Tensor pairs = at::cat({group - own, own.expand_as(group)}, 3);
    x = layer(layer(pairs, name + ".first", 0, training), name + ".second", 0, training).amax(2);
    points = taken(points, index);
  }
  const at::Tensor before = layer(layer(x, "before1", 0, training), "before2", 0, training);
  std::vector<at::Tensor> outputs = attention(before, training);
  outputs.push_back(x);
  const at::Tensor pooled = layer(at::cat(outputs, 2), "fuse", 0.2, training).amax(1);
  const at::Tensor wide = at::dropout(layer(pooled, "head.first", 0.2, training), 0.5, training);
  const at::Tensor last = at::dropout(layer(wide, "head.second", 0.2, training), 0.5, training);
  return at::linear(last, at("head.scores.weight"), at("head.scores.bias"));
}

std::shared_ptr<models::Network> make_pct_segmenter() {
  LabelMap labels;
  for (int64_t c = 0; c < 16; ++c) {
    const int64_t first = 50 * c / 16;
    Category category{"category", first, {}};
    category.parts.resize(static_cast<size_t>(50 * (c + 1) / 16 - first));
    labels.categories.push_back(category);
  }
  return models::make_network({"pct", models::Task::kSegment, nlohmann::json::object(), labels});
}

std::shared_ptr<models::Network> make_pct_classifier() {
  LabelMap labels;
  labels.categories.assign(40, Category{"category", 0, {}});
  return models::make_network({"pct", models::Task::kClassify, nlohmann::json::object(), labels});
}

}  // namespace pointattn::bench
