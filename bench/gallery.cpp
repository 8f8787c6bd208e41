// SPDX-License-Identifier: Apache-2.0
// A gallery: time and memory of a build, then of searches with the candidate index and without,
// with the share of the exact scan's best ten that the index finds, and what float16 on the disk
// costs against the float32 embeddings themselves.
//
//   bench_gallery [--shapes S] [--queries Q] [--phrases W] [--noise X] [--folder F]
//
// Embeddings are made so that neighbours mean something, R=8 rows of E=256 a shape: 400 kinds of
// parts in random directions, 12 styles of each kind, 40 families of shapes with 24 kinds each; a
// shape takes 8 kinds of its family, a style of each, and adds noise of its own. A query is W rows
// of a shape that is in no gallery, each with noise X times its length added (a cosine of 0.7 to
// what was meant where X is 1). A gallery that is in the folder already is searched as it is.
#include "pointattn/retrieval/gallery_writer.h"
#include "pointattn/retrieval/search.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include "bench/support/measure.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unistd.h>

namespace {

using namespace pointattn;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kParts = 8;
constexpr int64_t kWidth = 256;
constexpr int64_t kBlock = 1000;
constexpr int64_t kBest = 10;
const retrieval::GalleryIdentity kIdentity{"bench", "bench", kParts, kWidth};

struct Settings {
  int64_t shapes = 100'000;
  int64_t queries = 100;
  int64_t phrases = 8;
  double noise = 1.0;
  fs::path folder;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The mixture that shapes are drawn from, block by block: a block is the same whenever it is made.
class Mixture {
 public:
  Mixture() {
    const at::Generator random = at::detail::createCPUGenerator(1);
    kinds_ = noise({400, 1, kWidth}, 1.0, random);
    styles_ = (kinds_ + noise({400, 12, kWidth}, 0.6, random)).view({400 * 12, kWidth});
    families_ = at::rand({40, 400}, random).argsort(int64_t{1}).narrow(1, 0, 24);
  }

  /// Parts [kBlock,8,256] of a block of shapes.
  at::Tensor block(int64_t number) const {
    const at::Generator random =
        at::detail::createCPUGenerator(static_cast<uint64_t>(1000 + number));
    const at::Tensor family = at::randint(0, 40, {kBlock}, random, at::kLong);
    const at::Tensor choice =
        at::rand({kBlock, 24}, random).argsort(int64_t{1}).narrow(1, 0, kParts);
    const at::Tensor kind = families_.index_select(0, family).gather(1, choice);
    const at::Tensor style = at::randint(0, 12, {kBlock, kParts}, random, at::kLong);
    const at::Tensor rows = styles_.index_select(0, (kind * 12 + style).view(-1));
    return unit(rows.view({kBlock, kParts, kWidth}) + noise({kBlock, kParts, kWidth}, 0.5, random));
  }

  /// Phrases [W,256] that mean parts of the shape `number` of the block −1.
  at::Tensor query(int64_t number, int64_t phrases, double strength) const {
    const at::Generator random = at::detail::createCPUGenerator(static_cast<uint64_t>(number));
    const at::Tensor parts = block(-1)[number % kBlock];
    const at::Tensor meant =
        parts.index_select(0, at::randperm(kParts, random).narrow(0, 0, std::min(phrases, kParts)));
    return unit(meant + noise({meant.size(0), kWidth}, strength, random));
  }

 private:
  static at::Tensor unit(const at::Tensor& rows) { return rows / rows.norm(2, -1, true); }
  /// Vectors of about this length.
  static at::Tensor noise(at::IntArrayRef sizes, double length, const at::Generator& random) {
    return at::randn(sizes, random) * (length / std::sqrt(static_cast<double>(kWidth)));
  }

  at::Tensor kinds_, styles_, families_;
};

double megabytes_on_disk(const fs::path& folder) {
  double bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    bytes += static_cast<double>(entry.file_size());
  return bytes / 1e6;
}

void build(const Settings& settings, const Mixture& mixture) {
  const auto start = Clock::now();
  retrieval::GalleryWriter writer(settings.folder, kIdentity);
  double added = 0;
  const auto run = [&] {
    for (int64_t b = 0; b < settings.shapes / kBlock; ++b) {
      const at::Tensor parts = mixture.block(b);
      for (int64_t i = 0; i < kBlock; ++i) {
        retrieval::GalleryEntry entry;
        entry.name = "shapes/" + std::to_string(b * kBlock + i) + ".ply";
        entry.parts = parts[i];
        entry.part_names.resize(kParts);
        entry.sketch = parts[i].view(-1).narrow(0, 0, 3 * 512).view({512, 3});
        entry.sketch_parts.resize(512);
        writer.add(entry);
      }
    }
    added = seconds_since(start);
    writer.commit();
  };
  const int64_t peak = bench::peak_of(run);
  std::printf(
      "build: %.1f s, of which %.1f s of the index; %.0f MB held at most; %.0f MB on disk\n",
      seconds_since(start),
      seconds_since(start) - added,
      static_cast<double>(peak) / 1e6,
      megabytes_on_disk(settings.folder));
}

/// The best ten by the float32 embeddings, for each query.
std::vector<std::set<int64_t>> best_in_float32(const Settings& settings,
                                               const Mixture& mixture,
                                               const at::Tensor& queries) {
  std::vector<at::Tensor> scores;
  for (int64_t b = 0; b < settings.shapes / kBlock; ++b)
    scores.push_back(matching::match({}, queries, mixture.block(b)));
  const at::Tensor best = std::get<1>(at::cat(scores, 1).topk(kBest, 1)).contiguous();
  std::vector<std::set<int64_t>> sets;
  for (int64_t q = 0; q < queries.size(0); ++q) {
    const int64_t* row = best.const_data_ptr<int64_t>() + q * kBest;
    sets.emplace_back(row, row + kBest);
  }
  return sets;
}

struct Searches {
  std::vector<double> ms;
  double recall = 0;  ///< of the best ten
};

Searches measure(const retrieval::Gallery& gallery,
                 const at::Tensor& queries,
                 const std::vector<std::set<int64_t>>& best,
                 bool exact) {
  retrieval::SearchOptions options;
  options.exact = exact;
  (void)retrieval::search(gallery, queries[0], kBest, options);
  Searches searches;
  int64_t found = 0;
  for (int64_t q = 0; q < queries.size(0); ++q) {
    const auto start = Clock::now();
    const auto hits = retrieval::search(gallery, queries[q], kBest, options);
    searches.ms.push_back(seconds_since(start) * 1e3);
    for (const auto& hit : hits) found += best[static_cast<size_t>(q)].count(hit.index) ? 1 : 0;
  }
  std::sort(searches.ms.begin(), searches.ms.end());
  searches.recall = static_cast<double>(found) / static_cast<double>(queries.size(0) * kBest);
  return searches;
}

void print(const char* what, const Searches& searches) {
  const size_t n = searches.ms.size();
  std::printf("%-28s %8.1f ms median %8.1f ms at 95 %%   recall@10 %.4f\n",
              what,
              searches.ms[n / 2],
              searches.ms[n * 95 / 100],
              searches.recall);
  std::fflush(stdout);
}

void run(const Settings& settings) {
  const Mixture mixture;
  if (!fs::exists(settings.folder / "manifest.json")) build(settings, mixture);
  const auto start = Clock::now();
  const retrieval::Gallery gallery(settings.folder);
  const double opened = seconds_since(start);
  const bool indexed = gallery.index() != nullptr;
  std::printf("open %.0f ms, index %.0f ms%s\n",
              opened * 1e3,
              (seconds_since(start) - opened) * 1e3,
              indexed ? "" : (" (" + gallery.why_no_index() + ")").c_str());
  std::vector<at::Tensor> made;
  for (int64_t q = 0; q < settings.queries; ++q)
    made.push_back(mixture.query(q, settings.phrases, settings.noise));
  const at::Tensor queries = at::stack(made);
  const auto best = best_in_float32(settings, mixture, queries);
  print("exact scan", measure(gallery, queries, best, /*exact=*/true));
  print("candidates, then exact", measure(gallery, queries, best, /*exact=*/false));
}

bool parse(int argc, char** argv, Settings& settings) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--shapes") {
      settings.shapes = std::atoll(value);
    } else if (name == "--queries") {
      settings.queries = std::atoll(value);
    } else if (name == "--phrases") {
      settings.phrases = std::atoll(value);
    } else if (name == "--noise") {
      settings.noise = std::atof(value);
    } else if (name == "--folder") {
      settings.folder = value;
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && settings.shapes >= kBlock && settings.queries > 0 && settings.phrases > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  if (!parse(argc, argv, settings)) {
    std::fprintf(stderr,
                 "usage: bench_gallery [--shapes S] [--queries Q] [--phrases W] [--noise X] "
                 "[--folder F]\n");
    return 2;
  }
  const bool own = settings.folder.empty();
  if (own) settings.folder = fs::temp_directory_path() / ("gallery" + std::to_string(::getpid()));
  const c10::InferenceMode inference;
  std::printf(
      "%lld shapes, %d threads\n", static_cast<long long>(settings.shapes), at::get_num_threads());
  run(settings);
  if (own) fs::remove_all(settings.folder);
  return 0;
}
