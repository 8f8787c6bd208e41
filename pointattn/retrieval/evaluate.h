// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/network.h"
#include "pointattn/retrieval/shape_pools.h"
#include "pointattn/text/vocabulary.h"
#include "pointattn/train/captioned.h"
#include "pointattn/train/retrieval_metrics.h"

#include <vector>

namespace pointattn::retrieval {

/// Part embeddings of shapes, [S,R,E]: the first `points` points of each pool, centred and scaled
/// into the unit sphere. Network in eval mode; no gradients.
at::Tensor embed_shapes(RetrievalNetwork& network,
                        const ShapePools& pools,
                        const std::vector<int64_t>& shapes,
                        int64_t points);

/// Phrase embeddings of sentences, [T,W,E].
at::Tensor embed_texts(RetrievalNetwork& network,
                       const text::Vocabulary& vocabulary,
                       const std::vector<std::string>& sentences);

/// Ranks the given shapes against all their captions, and these against the shapes.
train::RetrievalFigures evaluate_retrieval(RetrievalNetwork& network,
                                           const text::Vocabulary& vocabulary,
                                           const train::CaptionedShapes& data,
                                           const ShapePools& pools,
                                           const std::vector<int64_t>& shapes,
                                           int64_t points,
                                           const matching::ScoreOptions& score);

}  // namespace pointattn::retrieval
