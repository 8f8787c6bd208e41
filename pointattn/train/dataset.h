// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

namespace pointattn::train {

/// One labelled shape.
struct Sample {
  at::Tensor xyz;        ///< [N,3] float32
  at::Tensor normal;     ///< [N,3] float32, undefined when the data set has none
  at::Tensor part;       ///< [N] int64 global part ids, undefined for classification data
  int64_t category = 0;  ///< position in labels().categories
  std::string name;      ///< identity in its source, for messages
};

/// A fixed list of labelled shapes. get() is const and may be called from several threads; the same
/// index always gives the same sample.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual Sample get(int64_t index) const = 0;
  /// Category of a sample without loading its points.
  virtual int64_t category(int64_t index) const = 0;
  virtual const LabelMap& labels() const = 0;
  /// True when samples carry `part`.
  virtual bool has_parts() const = 0;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

}  // namespace pointattn::train
