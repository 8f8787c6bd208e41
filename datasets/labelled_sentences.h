// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/train/labelled_sentences.h"

#include <filesystem>

namespace pointattn::datasets {

/// Reads a tab-separated table with the columns "sentence" and "class", named in the first line, a
/// row a sentence. Throws c10::Error with path and line: what read_tsv() refuses and an empty class;
/// with the path alone: no sentence at all.
train::LabelledSentences read_labelled_sentences(const std::filesystem::path& path);

}  // namespace pointattn::datasets
