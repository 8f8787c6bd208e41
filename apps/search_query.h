// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/retrieval_weights.h"
#include "apps/shape_input.h"
#include "pointattn/retrieval/explanation.h"
#include "pointattn/retrieval/search.h"

#include <string>
#include <vector>

namespace pointattn::apps {

/// What `pointattn search` was asked for: words, or a cloud and perhaps one part of it.
struct QueryRequest {
  std::string text;
  std::string like;
  std::string part;
  std::string weights;
  std::string guide;
  ShapeInput input;
};

/// Throws UsageError for a request that cannot be meant, before anything is computed.
void check_query(const QueryRequest& request);

/// What a gallery is searched with.
struct Query {
  at::Tensor phrases;              ///< float32 [W,E]
  std::vector<std::string> words;  ///< W: what each phrase says
  retrieval::SearchOptions options;
  retrieval::Explanation explanation;  ///< of the query; without hits
  std::vector<std::string> notes;
};

/// Throws UsageError for a text without a word and for a part that the cloud does not have, naming
/// those that it has.
Query make_query(const retrieval::Encoder& encoder, const QueryRequest& request, uint64_t seed);

}  // namespace pointattn::apps
