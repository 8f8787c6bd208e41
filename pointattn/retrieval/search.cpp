// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/search.h"

#include "pointattn/core/check.h"
#include "pointattn/matching/unit_rows.h"
#include "pointattn/retrieval/candidates.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

namespace pointattn::retrieval {
namespace {

constexpr int64_t kBlock = 256;  // shapes of a block fit the caches of a core

/// Better first, equal ones by lower index.
bool better(const Hit& a, const Hit& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/// The k best of hits, in order.
void keep_best(std::vector<Hit>& hits, int64_t k) {
  const auto middle = hits.begin() + std::min(k, static_cast<int64_t>(hits.size()));
  std::partial_sort(hits.begin(), middle, hits.end(), better);
  hits.erase(middle, hits.end());
}

/// Rows in front of the parts [..,R,E] of which a search by phrases alone takes no notice.
int64_t front_of(const SearchOptions& options, const at::Tensor& parts) {
  return options.score.whole && parts.size(-2) > 1 ? 1 : 0;
}

/// Scores [S] of shapes with parts [S,R,E].
at::Tensor scores_of(const at::Tensor& phrases,
                     const at::Tensor& parts,
                     const SearchOptions& options) {
  if (!options.phrases_only) {
    return matching::match(options.score, phrases.unsqueeze(0), parts).squeeze(0);
  }
  const at::Tensor unit = matching::unit_rows(parts.slice(1, front_of(options, parts)));
  return at::matmul(unit, phrases.t()).amax(1).mean(1);
}

/// The shapes that are scored: all of a gallery, or those in `chosen`.
struct Pool {
  const Gallery& gallery;
  const std::vector<int64_t>* chosen;

  int64_t count() const { return chosen ? static_cast<int64_t>(chosen->size()) : gallery.size(); }
  int64_t index(int64_t i) const { return chosen ? (*chosen)[static_cast<size_t>(i)] : i; }
  at::Tensor parts(int64_t first, int64_t n) const {
    if (!chosen) return gallery.parts(first, n);
    const auto begin = chosen->begin() + first;
    return gallery.parts(std::vector<int64_t>(begin, begin + n));
  }
};

/// The k best, in order. Blocks are read and scored side by side.
std::vector<Hit> rank(const Pool& pool,
                      int64_t k,
                      const at::Tensor& phrases,
                      const SearchOptions& options) {
  const int64_t count = pool.count();
  std::mutex mutex;
  std::vector<Hit> best;
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    const c10::InferenceMode inference;  // of this thread
    std::vector<Hit> own;
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * kBlock;
      const int64_t n = std::min(kBlock, count - first);
      const at::Tensor scores =
          scores_of(phrases, pool.parts(first, n), options).to(at::kDouble).contiguous();
      const double* score = scores.const_data_ptr<double>();
      for (int64_t i = 0; i < n; ++i) own.push_back({pool.index(first + i), score[i]});
      keep_best(own, k);
    }
    const std::lock_guard<std::mutex> lock(mutex);
    best.insert(best.end(), own.begin(), own.end());
  });
  keep_best(best, k);
  return best;
}

}  // namespace

std::vector<Hit> search(const Gallery& gallery,
                        const at::Tensor& phrases,
                        int64_t k,
                        const SearchOptions& options) {
  TORCH_CHECK_VALUE(k >= 1, "search: expected k of at least 1, got ", k);
  ShapeCheck check("search");
  check(phrases, "phrases", {"W", gallery.identity().width});
  TORCH_CHECK_VALUE(phrases.size(0) > 0, "search: expected at least one phrase, got none");
  check_finite("search", phrases, "phrases");
  TORCH_CHECK_VALUE(options.candidates >= 1 && options.probes >= 1,
                    "search: expected at least 1 candidate and probe, got ",
                    options.candidates,
                    " and ",
                    options.probes);
  const c10::InferenceMode inference;
  const at::Tensor rows = phrases.detach().to(at::kCPU, at::kFloat);
  const at::Tensor unit = (rows / rows.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12)).contiguous();
  const CandidateIndex* index = options.exact ? nullptr : gallery.index();
  if (!index) return rank({gallery, nullptr}, k, unit, options);
  const std::vector<int64_t> found =
      index->find({unit, std::max(options.candidates, 4 * k), options.probes});
  return rank({gallery, &found}, k, unit, options);
}

at::Tensor correspondence(const SearchOptions& options,
                          const at::Tensor& phrases,
                          const at::Tensor& parts) {
  if (!options.phrases_only) return matching::correspondence(options.score, phrases, parts);
  // The length of a phrase moves no maximum.
  const int64_t front = front_of(options, parts);
  const at::Tensor cosine = at::matmul(phrases, matching::unit_rows(parts.slice(0, front)).t());
  const at::Tensor best = cosine.eq(cosine.amax(1, /*keepdim=*/true)).to(cosine.scalar_type());
  return at::constant_pad_nd(best / best.sum(1, /*keepdim=*/true), {front, 0});
}

}  // namespace pointattn::retrieval
