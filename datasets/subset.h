// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/dataset.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace pointattn::datasets {

/// View of some samples of a data set, in the order of `indices` (each may come more than once).
/// Labels stay those of the whole. Throws c10::ValueError for an index outside the data set.
train::DatasetPtr subset(train::DatasetPtr dataset, std::vector<int64_t> indices);

/// Parts of a data set that share no sample: (training, held out).
using Split = std::pair<train::DatasetPtr, train::DatasetPtr>;

/// Holds out `fraction` of every category, rounded, chosen by `seed`; the rest trains. A category
/// of two or more shapes is in both parts, one of a single shape only trains. Throws
/// c10::ValueError unless 0 < fraction < 1, or when nothing can be held out.
Split split_by_category(const train::DatasetPtr& dataset, double fraction, uint64_t seed);

/// The same with a number of shapes of every category, at most all but one.
Split split_by_category_count(const train::DatasetPtr& dataset, int64_t count, uint64_t seed);

}  // namespace pointattn::datasets
