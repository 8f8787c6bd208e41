// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/candidates.h"

#include <c10/util/Exception.h>

namespace pointattn::retrieval {

bool candidates_available() { return false; }

std::unique_ptr<CandidateIndex> train_candidates(const Manifest& /*manifest*/,
                                                 const at::Tensor& /*parts*/,
                                                 const at::Tensor& /*means*/) {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "this build is without FAISS (install libfaiss-dev)");
}

std::unique_ptr<CandidateIndex> load_candidates(const Manifest& /*manifest*/,
                                                std::string_view /*codebook*/) {
  TORCH_CHECK_NOT_IMPLEMENTED(false, "this build is without FAISS (install libfaiss-dev)");
}

}  // namespace pointattn::retrieval
