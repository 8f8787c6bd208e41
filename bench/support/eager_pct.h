// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/network.h"

#include <map>
#include <string>

namespace pointattn::bench {

/// PCT for part segmentation as a user of LibTorch writes it: whole-tensor operators, the doubly
/// normalised map [B,N,N] stored, the global features repeated for every point. The yardstick for
/// models::PctSegmenter, from the same weights.
class EagerPct {
 public:
  /// Copies the parameters and buffers of a PctSegmenter.
  explicit EagerPct(const models::Network& network);

  /// xyz [B,N,3], one_hot [B,categories] → [B·N,parts]. Training normalises by the batch and drops.
  at::Tensor operator()(const at::Tensor& xyz, const at::Tensor& one_hot, bool training) const;

  std::vector<at::Tensor> parameters() const;

 private:
  const at::Tensor& at(const std::string& name) const { return parameters_.at(name); }
  at::Tensor layer(const at::Tensor& rows,
                   const std::string& name,
                   double slope,
                   bool training) const;

  std::map<std::string, at::Tensor> parameters_, buffers_;
};

/// A PctSegmenter of 50 parts and 16 categories with fresh weights, the size of the published one.
std::shared_ptr<models::Network> make_pct_segmenter();

}  // namespace pointattn::bench
