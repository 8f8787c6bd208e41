// SPDX-License-Identifier: Apache-2.0
#include "bench/support/eager_pct.h"

#include <ATen/ATen.h>

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
  const at::Tensor z = at::batch_norm(y,
                                      at(name + ".norm.weight"),
                                      at(name + ".norm.bias"),
                                      buffers_.at(name + ".norm.running_mean"),
                                      buffers_.at(name + ".norm.running_var"),
                                      training,
                                      0.1,
                                      1e-5,
                                      true);
  return slope == 0 ? at::relu(z) : at::leaky_relu(z, slope);
}

at::Tensor EagerPct::operator()(const at::Tensor& xyz,
                                const at::Tensor& one_hot,
                                bool training) const {
  const int64_t B = xyz.size(0);
  const int64_t N = xyz.size(1);
  const auto rows = [&](const at::Tensor& batch) { return batch.reshape({B * N, batch.size(2)}); };
  const auto batch = [&](const at::Tensor& rows) { return rows.view({B, N, rows.size(1)}); };
  at::Tensor x = layer(layer(rows(xyz), "embed1", 0, training), "embed2", 0, training);
  std::vector<at::Tensor> outputs;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "attention." + std::to_string(i);
    const at::Tensor qk = batch(at::linear(x, at(name + ".qk.weight")));
    const at::Tensor value =
        batch(at::linear(x, at(name + ".value.weight"), at(name + ".value.bias")));
    const at::Tensor map = at::softmax(at::matmul(qk, qk.transpose(1, 2)), 2);
    const at::Tensor out = at::matmul((map / (1e-9 + map.sum(1, true))).transpose(1, 2), value);
    outputs.push_back(x = x + layer(x - rows(out), name + ".transform", 0, training));
  }
  const at::Tensor wide = batch(layer(at::cat(outputs, 1), "fuse", 0.2, training));
  const at::Tensor label = layer(one_hot, "label", 0.2, training);
  const auto repeat = [&](const at::Tensor& row) { return row.expand({B, N, row.size(2)}); };
  const at::Tensor all = at::cat(
      {wide, repeat(wide.amax(1, true)), repeat(wide.mean(1, true)), repeat(label.unsqueeze(1))},
      2);
  x = at::dropout(layer(rows(all), "head1", 0, training), 0.5, training);
  return at::linear(layer(x, "head2", 0, training), at("scores.weight"), at("scores.bias"));
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

}  // namespace pointattn::bench
