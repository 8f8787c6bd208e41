// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"

#include <map>
#include <string>
#include <vector>

namespace pointattn::bench {

/// PCT as a user of LibTorch writes it: whole-tensor operators, the doubly normalised map [B,N,N]
/// stored, from the same weights as the networks of models::. The yardsticks for these.
class EagerPct {
 public:
  /// Copies the parameters and buffers of a network.
  explicit EagerPct(const models::Network& network);

  std::vector<at::Tensor> parameters() const;

 protected:
  const at::Tensor& at(const std::string& name) const { return parameters_.at(name); }
  /// Linear layer, batch norm, (leaky) ReLU of rows [...,C]. Training normalises by the batch.
  at::Tensor layer(const at::Tensor& rows,
                   const std::string& name,
                   double slope,
                   bool training) const;
  /// The outputs of the four attention layers, x [B,N,C] → 4 x [B,N,C].
  std::vector<at::Tensor> attention(const at::Tensor& x, bool training) const;

 private:
  std::map<std::string, at::Tensor> parameters_, buffers_;
};

/// For models::PctSegmenter: the global features are repeated for every point.
class EagerPctSegmenter : public EagerPct {
 public:
  using EagerPct::EagerPct;
  /// xyz [B,N,3], one_hot [B,categories] → [B·N,parts]
  at::Tensor operator()(const at::Tensor& xyz, const at::Tensor& one_hot, bool training) const;
};

/// For models::PctClassifier: farthest points by a loop of whole-batch operations, neighbours by
/// cdist and topk, every pair of a neighbourhood stored [B,M,32,2C].
class EagerPctClassifier : public EagerPct {
 public:
  using EagerPct::EagerPct;
  /// xyz [B,N,3] → [B,classes]
  at::Tensor operator()(const at::Tensor& xyz, bool training) const;
};

/// xyz [B,N,3] → [B,count], from the first point of each cloud.
at::Tensor eager_farthest(const at::Tensor& xyz, int64_t count);

/// A PctSegmenter of 50 parts and 16 categories with fresh weights, the size of the published one.
std::shared_ptr<models::Network> make_pct_segmenter();

/// A PctClassifier of 40 classes.
std::shared_ptr<models::Network> make_pct_classifier();

}  // namespace pointattn::bench
