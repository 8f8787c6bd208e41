// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/candidates.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <numeric>
#include <omp.h>

namespace pointattn::retrieval {
namespace {

using Id = faiss::Index::idx_t;
using List = uint16_t;

constexpr int kBits = 8;  // of one quantised piece of a row
constexpr int kTrainPerCentroid = 64;

/// k-means of FAISS is a long row of tiny parallel regions, whose threads wait for each other in a
/// busy loop: on a machine with other work it takes minutes instead of seconds.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

/// An inverted file for the inner product, with the state that outlives it kept by us: FAISS's own
/// files are read without a bound on what they claim.
class InvertedFile {
 public:
  InvertedFile(int64_t width, int64_t lists, int64_t code_bytes)
      : quantizer_(width),
        index_(&quantizer_,
               static_cast<size_t>(width),
               static_cast<size_t>(lists),
               static_cast<size_t>(code_bytes),
               kBits,
               faiss::METRIC_INNER_PRODUCT) {
    // Fewer rows than FAISS likes are no reason to print.
    for (faiss::ClusteringParameters* clustering : {&index_.cp, &index_.pq.cp}) {
      clustering->min_points_per_centroid = 1;
      clustering->max_points_per_centroid = kTrainPerCentroid;
      clustering->niter = 12;
    }
  }

  void train(const at::Tensor& rows) {
    const OneThread alone;
    index_.train(rows.size(0), rows.const_data_ptr<float>());
  }

  void save(std::string& to) const {
    to.append(reinterpret_cast<const char*>(quantizer_.get_xb()),
              index_.nlist * static_cast<size_t>(index_.d) * sizeof(float));
    to.append(reinterpret_cast<const char*>(index_.pq.centroids.data()),
              index_.pq.centroids.size() * sizeof(float));
  }
  void load(std::string_view from) {
    std::vector<float> centroids(index_.nlist * static_cast<size_t>(index_.d));
    std::memcpy(centroids.data(), from.data(), centroids.size() * sizeof(float));
    from.remove_prefix(centroids.size() * sizeof(float));
    std::memcpy(index_.pq.centroids.data(), from.data(), from.size());
    quantizer_.add(static_cast<Id>(index_.nlist), centroids.data());
    index_.is_trained = true;
  }

  int64_t code_bytes() const { return static_cast<int64_t>(index_.code_size); }

  /// Lists and codes of rows [n,E].
  void encode(const at::Tensor& rows, std::vector<Id>& lists, std::vector<uint8_t>& codes) const {
    const auto n = static_cast<size_t>(rows.size(0));
    lists.resize(n);
    codes.resize(n * index_.code_size);
    quantizer_.assign(rows.size(0), rows.const_data_ptr<float>(), lists.data());
    index_.encode_vectors(rows.size(0), rows.const_data_ptr<float>(), lists.data(), codes.data());
  }

  void add(Id id, List list, const char* code) {
    TORCH_CHECK(list < index_.nlist, "a code of list ", list, " of ", index_.nlist);
    index_.invlists->add_entry(list, id, reinterpret_cast<const uint8_t*>(code));
    ++index_.ntotal;
  }

  struct Found {
    std::vector<float> score;  ///< [queries,k], falling
    std::vector<Id> id;        ///< −1 behind the last one
  };
  Found find(const at::Tensor& queries, int64_t k, int64_t probes) const {
    const auto n = static_cast<size_t>(queries.size(0) * k);
    Found found{std::vector<float>(n), std::vector<Id>(n, -1)};
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = std::min(static_cast<size_t>(probes), index_.nlist);
    index_.search(queries.size(0),
                  queries.const_data_ptr<float>(),
                  k,
                  found.score.data(),
                  found.id.data(),
                  &parameters);
    return found;
  }
  int64_t lists() const { return static_cast<int64_t>(index_.nlist); }
  int64_t rows() const { return index_.ntotal; }

 private:
  faiss::IndexFlatIP quantizer_;
  faiss::IndexIVFPQ index_;
};

class FaissCandidates : public CandidateIndex {
 public:
  explicit FaissCandidates(const Manifest& manifest)
      : parts_(manifest.identity.parts),
        width_(manifest.identity.width),
        by_part_(width_, manifest.codebook.part_lists, manifest.codebook.code_bytes),
        by_mean_(width_, manifest.codebook.mean_lists, manifest.codebook.code_bytes) {}

  void train(const at::Tensor& parts, const at::Tensor& means) {
    by_part_.train(parts);
    by_mean_.train(means);
  }

  std::string codebook() const override {
    std::string bytes;
    by_part_.save(bytes);
    by_mean_.save(bytes);
    return bytes;
  }
  void load(std::string_view bytes) {
    const auto split = static_cast<size_t>(codebook_bytes(width_, by_part_.lists()));
    by_part_.load(bytes.substr(0, split));
    by_mean_.load(bytes.substr(split));
  }

  std::string encode(const at::Tensor& rows) const override;
  void add(int64_t index, std::string_view codes) override;
  std::vector<int64_t> find(const CandidateQuery& query) const override;

 private:
  std::vector<int64_t> best_by_part(const CandidateQuery& query) const;

  int64_t parts_;
  int64_t width_;
  InvertedFile by_part_;
  InvertedFile by_mean_;
};

std::string FaissCandidates::encode(const at::Tensor& rows) const {
  const int64_t n = rows.size(0);
  std::vector<Id> part_lists;
  std::vector<Id> mean_lists;
  std::vector<uint8_t> part_codes;
  std::vector<uint8_t> mean_codes;
  by_part_.encode(rows.narrow(1, 0, parts_).reshape({n * parts_, width_}), part_lists, part_codes);
  by_mean_.encode(rows.select(1, parts_).contiguous(), mean_lists, mean_codes);
  const auto append = [](std::string& to, const auto* from, int64_t count) {
    to.append(reinterpret_cast<const char*>(from), static_cast<size_t>(count) * sizeof *from);
  };
  const int64_t size = by_part_.code_bytes();
  std::string codes;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t r = 0; r < parts_; ++r) {
      const auto list = static_cast<List>(part_lists[static_cast<size_t>(i * parts_ + r)]);
      append(codes, &list, 1);
    }
    const auto list = static_cast<List>(mean_lists[static_cast<size_t>(i)]);
    append(codes, &list, 1);
    append(codes, part_codes.data() + i * parts_ * size, parts_ * size);
    append(codes, mean_codes.data() + i * size, size);
  }
  return codes;
}

void FaissCandidates::add(int64_t index, std::string_view codes) {
  const char* code = codes.data() + static_cast<size_t>(parts_ + 1) * sizeof(List);
  for (int64_t r = 0; r <= parts_; ++r, code += by_part_.code_bytes()) {
    List list = 0;
    std::memcpy(&list, codes.data() + static_cast<size_t>(r) * sizeof list, sizeof list);
    if (r < parts_) {
      by_part_.add(index * parts_ + r, list, code);
    } else {
      by_mean_.add(index, list, code);
    }
  }
}

/// Each phrase votes for the shapes of the parts nearest to it, by how much nearer they are than
/// the last of them; a shape takes a phrase's vote once, for its best part.
std::vector<int64_t> FaissCandidates::best_by_part(const CandidateQuery& query) const {
  const int64_t k = std::min(2 * query.shapes, by_part_.rows());
  const InvertedFile::Found found = by_part_.find(query.phrases, k, query.probes);
  std::vector<float> votes(static_cast<size_t>(by_mean_.rows()), 0.0F);
  std::vector<int64_t> voted(votes.size(), -1);
  std::vector<int64_t> shapes;
  for (int64_t w = 0; w < query.phrases.size(0); ++w) {
    const auto begin = static_cast<size_t>(w * k);
    auto end = begin + static_cast<size_t>(k);
    while (end > begin && found.id[end - 1] < 0) --end;
    for (size_t i = begin; i < end; ++i) {
      const int64_t shape = found.id[i] / parts_;
      const auto at = static_cast<size_t>(shape);
      if (voted[at] == w) continue;
      if (voted[at] < 0) shapes.push_back(shape);
      voted[at] = w;
      const float vote = found.score[i] - found.score[end - 1];
      if (vote > 0) votes[at] += vote;  // what is not a number, from a file that lies, is no vote
    }
  }
  std::sort(shapes.begin(), shapes.end(), [&](int64_t a, int64_t b) {
    const float of_a = votes[static_cast<size_t>(a)];
    const float of_b = votes[static_cast<size_t>(b)];
    return of_a > of_b || (of_a == of_b && a < b);
  });
  return shapes;
}

std::vector<int64_t> FaissCandidates::find(const CandidateQuery& query) const {
  if (by_mean_.rows() == 0) return {};
  std::vector<int64_t> shapes = best_by_part(query);
  const int64_t k = std::min((query.shapes + 1) / 2, by_mean_.rows());
  shapes.resize(std::min(shapes.size(), static_cast<size_t>(query.shapes / 2)));
  const at::Tensor mean = query.phrases.mean(0, /*keepdim=*/true).contiguous();
  // Means have fewer lists, so that as many probes look through a larger share of them.
  for (const Id id : by_mean_.find(mean, k, query.probes).id) {
    if (id >= 0) shapes.push_back(id);
  }
  std::sort(shapes.begin(), shapes.end());
  shapes.erase(std::unique(shapes.begin(), shapes.end()), shapes.end());
  return shapes;
}

}  // namespace

bool candidates_available() { return true; }

std::unique_ptr<CandidateIndex> train_candidates(const Manifest& manifest,
                                                 const at::Tensor& parts,
                                                 const at::Tensor& means) {
  auto index = std::make_unique<FaissCandidates>(manifest);
  index->train(parts.contiguous(), means.contiguous());
  return index;
}

std::unique_ptr<CandidateIndex> load_candidates(const Manifest& manifest,
                                                std::string_view codebook) {
  const CodebookRecord& record = manifest.codebook;
  const int64_t expected = codebook_bytes(manifest.identity.width, record.part_lists) +
                           codebook_bytes(manifest.identity.width, record.mean_lists);
  TORCH_CHECK(static_cast<int64_t>(codebook.size()) == expected,
              "expected a codebook of ",
              expected,
              " bytes, got ",
              codebook.size());
  auto index = std::make_unique<FaissCandidates>(manifest);
  index->load(codebook);
  return index;
}

}  // namespace pointattn::retrieval
