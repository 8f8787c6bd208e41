// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/segmenter.h"
#include "pointattn/ops/neighbor_index.h"
#include "tests/support/data.h"

#include <functional>
#include <string>

namespace pointattn::test {

/// Chair (leg, seat, back) and Mug (body, handle).
const LabelMap& two_categories();

/// A model of these categories with random weights.
models::Segmenter random_segmenter();

/// The labels 0 1 2 3 4 0 1 2 …
models::Segmentation labels_in_turn(int64_t points);

/// The message of the c10::Error that `call` throws; empty when it throws none.
std::string message_of(const std::function<void()>& call);

/// That a message is the one line that an empty cloud is worth.
void expect_empty_error(const std::string& message);

/// What the operators under an adapter must find among the points of a cloud, by the definition and
/// in the dtype of its coordinates.
void expect_operators(const at::Tensor& xyz,
                      const ops::Neighbors& nearest,
                      const ops::RaggedNeighbors& within,
                      double radius);

/// Whether the README shows what an example does between reading and writing.
bool readme_shows(const std::string& example);

/// Runs an example with a random model (m.safetensors) in `folder`; returns its exit code.
int run_example(const std::string& program,
                const ScratchFolder& folder,
                const std::string& input,
                const std::string& output);

}  // namespace pointattn::test
