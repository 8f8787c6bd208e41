// SPDX-License-Identifier: Apache-2.0
#include "tests/retrieval/explanations.h"

#include <ATen/ATen.h>

namespace pointattn::test {

retrieval::Explanation explanation_of(const std::string& sentence) {
  retrieval::Explanation explanation;
  explanation.title = sentence;
  explanation.subtitle = "The best 2 of 2";
  explanation.sentence = sentence;
  explanation.words = text::words_of(sentence);
  const auto words = static_cast<int64_t>(explanation.words.size());
  explanation.attention = at::one_hot(at::arange(words, at::kLong) % 2, 2).to(at::kFloat);
  retrieval::ExplainedHit hit;
  hit.score = 0.875;
  hit.entry.name = "clouds/a.ply";
  hit.entry.parts = at::eye(2);
  hit.entry.part_names = {"leg", "seat"};
  hit.entry.sketch = at::stack({at::linspace(-1, 1, 40), at::zeros({40}), at::zeros({40})}, 1);
  for (uint8_t i = 0; i < 40; ++i) hit.entry.sketch_parts.push_back(i % 2);
  hit.correspondence = at::eye(2);
  explanation.hits = {hit, hit};
  explanation.hits[1].entry.name = "clouds/b.ply";
  return explanation;
}

}  // namespace pointattn::test
