// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/evaluate.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/text/words.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::retrieval {
namespace {

constexpr size_t kShapesAtATime = 16;
constexpr size_t kTextsAtATime = 256;

}  // namespace

at::Tensor embed_shapes(RetrievalNetwork& network,
                        const ShapePools& pools,
                        const std::vector<int64_t>& shapes,
                        int64_t points) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  for (size_t begin = 0; begin < shapes.size(); begin += kShapesAtATime) {
    std::vector<at::Tensor> clouds, priors;
    for (size_t i = begin; i < std::min(begin + kShapesAtATime, shapes.size()); ++i) {
      const auto shape = static_cast<size_t>(shapes[i]);
      const int64_t count = std::min(points, pools.xyz[shape].size(0));
      clouds.push_back(to_unit_sphere(pools.xyz[shape].narrow(0, 0, count)));
      if (!pools.prior.empty()) priors.push_back(pools.prior[shape].narrow(0, 0, count));
    }
    const at::Tensor prior = priors.empty() ? at::Tensor() : at::cat(priors);
    parts.push_back(network->shapes(PointBatch::of(clouds), prior).vectors);
  }
  return at::cat(parts);
}

at::Tensor embed_texts(RetrievalNetwork& network,
                       const text::Vocabulary& vocabulary,
                       const std::vector<std::string>& sentences) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> phrases;
  for (size_t begin = 0; begin < sentences.size(); begin += kTextsAtATime) {
    std::vector<std::vector<text::Word>> words;
    for (size_t i = begin; i < std::min(begin + kTextsAtATime, sentences.size()); ++i) {
      words.push_back(text::words_of(sentences[i]));
    }
    phrases.push_back(network->texts(text::encode(vocabulary, words)).vectors);
  }
  return at::cat(phrases);
}

train::RetrievalFigures evaluate_retrieval(RetrievalNetwork& network,
                                           const text::Vocabulary& vocabulary,
                                           const train::CaptionedShapes& data,
                                           const ShapePools& pools,
                                           const std::vector<int64_t>& shapes,
                                           int64_t points,
                                           const matching::ScoreOptions& score) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> sentences;
  std::vector<int64_t> owner;
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (const std::string& caption : data.captions(shapes[i])) {
      sentences.push_back(caption);
      owner.push_back(static_cast<int64_t>(i));
    }
  }
  const at::Tensor parts = embed_shapes(network, pools, shapes, points);
  const at::Tensor phrases = embed_texts(network, vocabulary, sentences);
  return train::retrieval_figures(matching::match(score, phrases, parts),
                                  at::tensor(owner, at::kLong));
}

}  // namespace pointattn::retrieval
