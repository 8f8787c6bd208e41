// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/labelled_sentences.h"

#include <cstdint>

namespace pointattn::test {

/// `count` orders to a household robot, of six intents in turn, from templates whose places are
/// filled by `seed`.
train::LabelledSentences robot_orders(int64_t count, uint64_t seed);

/// The same with two neighbouring letters of the longest word exchanged.
train::LabelledSentences misspelt(train::LabelledSentences data);

}  // namespace pointattn::test
