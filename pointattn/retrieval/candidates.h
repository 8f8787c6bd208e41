// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/gallery_manifest.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// The one place where FAISS is used: candidates_faiss.cpp with it, candidates_absent.cpp without.
namespace pointattn::retrieval {

/// What candidates are looked for with.
struct CandidateQuery {
  at::Tensor phrases;  ///< float32 [W,E], unit rows
  int64_t shapes = 0;  ///< about how many candidates
  int64_t probes = 0;  ///< lists of parts that are looked through for each phrase
};

/// Finds shapes that may match, by their parts and by their mean embedding: two inverted files with
/// product-quantised residuals (Jégou et al. 2011, "Product Quantization for Nearest Neighbor
/// Search"). One row takes `code_bytes` bytes and two for its list.
class CandidateIndex {
 public:
  CandidateIndex() = default;
  virtual ~CandidateIndex() = default;
  CandidateIndex(const CandidateIndex&) = delete;
  CandidateIndex& operator=(const CandidateIndex&) = delete;

  /// The centroids as bytes, for load_candidates().
  virtual std::string codebook() const = 0;

  /// Codes of shapes, rows [n,R+1,E] with the mean last: n × Manifest::entry_code_bytes().
  virtual std::string encode(const at::Tensor& rows) const = 0;

  /// Makes a shape findable under `index`, with its codes. Throws c10::Error for codes of lists
  /// that there are not.
  virtual void add(int64_t index, std::string_view codes) = 0;

  /// Shapes that may match best, rising, none twice. Safe from several threads at a time.
  virtual std::vector<int64_t> find(const CandidateQuery& query) const = 0;
};

/// Whether this build can make and read indices.
bool candidates_available();

/// Learns the centroids. parts: sampled part rows [n,E], means: sampled mean embeddings [m,E].
std::unique_ptr<CandidateIndex> train_candidates(const Manifest& manifest,
                                                 const at::Tensor& parts,
                                                 const at::Tensor& means);

/// An index without shapes from the bytes of codebook().
std::unique_ptr<CandidateIndex> load_candidates(const Manifest& manifest,
                                                std::string_view codebook);

/// Bytes of codebook() that an inverted file of so many lists takes; it has two.
constexpr int64_t codebook_bytes(int64_t width, int64_t lists) {
  return (lists + 256) * width * static_cast<int64_t>(sizeof(float));
}

}  // namespace pointattn::retrieval
