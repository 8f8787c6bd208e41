// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/search.h"

#include "pointattn/retrieval/gallery_index.h"
#include "tests/retrieval/galleries.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <dlfcn.h>
#include <set>
#include <thread>

namespace pointattn::test {
namespace {

using retrieval::Gallery;
using retrieval::GalleryEntry;
using retrieval::GalleryWriter;
using retrieval::Hit;
using retrieval::search;
using retrieval::SearchOptions;

double cosine(const at::Tensor& a, const at::Tensor& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (int64_t e = 0; e < a.size(0); ++e) {
    const double x = a[e].item<double>();
    const double y = b[e].item<double>();
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / std::sqrt(aa * bb);
}

/// Mean over the rows of `from` of the best cosine with a row of `to`.
double best_of(const at::Tensor& from, const at::Tensor& to) {
  double sum = 0;
  for (int64_t i = 0; i < from.size(0); ++i) {
    double best = -2;
    for (int64_t j = 0; j < to.size(0); ++j) best = std::max(best, cosine(from[i], to[j]));
    sum += best;
  }
  return sum / static_cast<double>(from.size(0));
}

TEST(Search, RanksAsTheFormulaSays) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 30);
  const Gallery gallery(folder / "g");
  const at::Tensor phrases = shape_of(1000).parts.narrow(0, 0, 2) * 5;
  for (const bool phrases_only : {false, true}) {
    SearchOptions options;
    options.phrases_only = phrases_only;
    const std::vector<Hit> hits = search(gallery, phrases, 30, options);
    ASSERT_EQ(hits.size(), 30U);
    std::set<int64_t> seen;
    for (size_t i = 0; i < hits.size(); ++i) {
      const at::Tensor parts = shape_of(hits[i].index).parts;
      const double met = best_of(phrases, parts);
      const double both = (met + best_of(parts, phrases)) / 2;
      EXPECT_NEAR(hits[i].score, phrases_only ? met : both, 2e-3);
      EXPECT_TRUE(i == 0 || hits[i].score <= hits[i - 1].score);
      seen.insert(hits[i].index);
    }
    EXPECT_EQ(seen.size(), 30U);
  }
}

TEST(Search, ByPhrasesAloneTheWholeIsNoPart) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 30);
  const Gallery gallery(folder / "g");
  SearchOptions options;
  options.score.whole = true;
  options.phrases_only = true;
  // What is asked for is the whole of shape 7, which is the best row of it by far.
  const at::Tensor phrase = shape_of(7).parts.narrow(0, 0, 1) * 3;
  for (const Hit& hit : search(gallery, phrase, 30, options)) {
    const at::Tensor parts = shape_of(hit.index).parts;
    EXPECT_NEAR(hit.score, best_of(phrase, parts.slice(0, 1)), 2e-3) << hit.index;
    const at::Tensor weights = retrieval::correspondence(options, phrase, parts);
    ASSERT_EQ(weights.sizes(), at::IntArrayRef({1, parts.size(0)}));
    EXPECT_EQ(weights[0][0].item<float>(), 0);
    EXPECT_FLOAT_EQ(weights.sum().item<float>(), 1);
    const int64_t met = weights[0].argmax().item<int64_t>();
    EXPECT_NEAR(cosine(phrase[0], parts[met]), hit.score, 2e-3);
  }
  // Equal parts share; a shape that is nothing but its whole is met there.
  const at::Tensor twins = at::cat({phrase, phrase, phrase});
  const at::Tensor shared = at::tensor({0.F, 0.5F, 0.5F}).unsqueeze(0);
  EXPECT_TRUE(retrieval::correspondence(options, phrase, twins).equal(shared));
  EXPECT_TRUE(retrieval::correspondence(options, phrase, phrase).equal(at::ones({1, 1})));
}

TEST(Search, EveryKindOfScoreFindsTheShapeItself) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 40);
  const Gallery gallery(folder / "g");
  for (const matching::ScoreKind& kind : matching::score_kinds()) {
    SearchOptions options;
    options.score.kind = kind.name;
    const std::vector<Hit> hits = search(gallery, shape_of(17).parts, 3, options);
    EXPECT_EQ(gallery.name(hits[0].index), "shape 17") << kind.name;
  }
}

TEST(Search, MoreThanThereAreAndNone) {
  const ScratchFolder folder;
  { GalleryWriter(folder / "empty", kIdentity).commit(); }
  EXPECT_TRUE(search(Gallery(folder / "empty"), at::ones({1, 8}), 10).empty());
  build_gallery(folder / "g", 0, 4);
  EXPECT_EQ(search(Gallery(folder / "g"), at::ones({1, 8}), 10).size(), 4U);
  EXPECT_EQ(search(Gallery(folder / "g"), at::ones({1, 8}), 2).size(), 2U);
}

TEST(Search, EqualScoresKeepTheOrderOfTheGallery) {
  const ScratchFolder folder;
  {
    GalleryWriter writer(folder / "g", kIdentity);
    for (int i = 0; i < 600; ++i) {
      GalleryEntry entry = shape_of(3);
      entry.name = std::to_string(i);
      writer.add(entry);
    }
    writer.commit();
  }
  const std::vector<Hit> hits = search(Gallery(folder / "g"), shape_of(3).parts, 20);
  for (size_t i = 0; i < hits.size(); ++i) EXPECT_EQ(hits[i].index, static_cast<int64_t>(i));
}

TEST(Search, RefusesWhatCannotBeMeant) {
  const ScratchFolder folder;
  build_gallery(folder / "g", 0, 4);
  const Gallery gallery(folder / "g");
  EXPECT_THROW(search(gallery, at::ones({1, 8}), 0), c10::ValueError);
  EXPECT_THROW(search(gallery, at::ones({0, 8}), 1), c10::ValueError);
  EXPECT_THROW(search(gallery, at::ones({1, 7}), 1), c10::ValueError);
  EXPECT_THROW(search(gallery, at::ones({8}), 1), c10::ValueError);
  EXPECT_THROW(search(gallery, at::full({1, 8}, NAN), 1), c10::ValueError);
  SearchOptions options;
  options.candidates = 0;
  EXPECT_THROW(search(gallery, at::ones({1, 8}), 1, options), c10::ValueError);
}

/// A gallery large enough for an index, of 60 families: a shape is its family's parts and noise.
class IndexedSearch : public testing::Test {
 protected:
  static constexpr int64_t kShapes = 5000;
  const retrieval::GalleryIdentity identity{"m", "f", 4, 64};
  ScratchFolder folder;

  void SetUp() override {
    if (!retrieval::candidates_available()) GTEST_SKIP() << "a build without FAISS";
    at::manual_seed(1);
    families = at::randn({60, 4, 64});
  }
  at::Tensor draw(int64_t number) const { return families[number % 60] + at::randn({4, 64}) * 0.7; }
  void add(int64_t first, int64_t count) const {
    GalleryWriter writer(folder / "g", identity);
    for (int64_t i = first; i < first + count; ++i) {
      GalleryEntry entry;
      entry.name = std::to_string(i);
      entry.parts = draw(i);
      entry.part_names.resize(4);
      writer.add(entry);
    }
    writer.commit();
  }
  double recall(const Gallery& gallery) const {
    int found = 0;
    for (int64_t q = 0; q < 40; ++q) {
      const at::Tensor phrases = draw(q).narrow(0, 0, 3);
      SearchOptions exact;
      exact.exact = true;
      std::set<int64_t> best;
      for (const Hit& hit : search(gallery, phrases, 10, exact)) best.insert(hit.index);
      for (const Hit& hit : search(gallery, phrases, 10)) found += best.count(hit.index) ? 1 : 0;
    }
    return found / 400.0;
  }
  at::Tensor families;
};

TEST_F(IndexedSearch, FindsWhatTheExactScanFinds) {
  add(0, kShapes);
  const Gallery gallery(folder / "g");
  ASSERT_NE(gallery.index(), nullptr) << gallery.why_no_index();
  EXPECT_GE(recall(gallery), 0.95);
  const std::vector<Hit> fast = search(gallery, draw(3), 5);
  SearchOptions exact;
  exact.exact = true;
  const double best = search(gallery, draw(3), 1, exact)[0].score;
  EXPECT_LE(fast[0].score, 1 + 1e-6);
  EXPECT_GT(best, 0);
}

TEST_F(IndexedSearch, GrowsWithTheGallery) {
  add(0, 1000);
  EXPECT_EQ(Gallery(folder / "g").index(), nullptr);
  EXPECT_EQ(Gallery(folder / "g").why_no_index(), "") << "a small one needs none";
  add(1000, kShapes - 1000);
  add(kShapes, 700);
  add(0, 300);  // replaced: the index must not find what they were
  const Gallery gallery(folder / "g");
  EXPECT_EQ(gallery.size(), kShapes + 700);
  ASSERT_NE(gallery.index(), nullptr) << gallery.why_no_index();
  EXPECT_GE(recall(gallery), 0.95);
}

TEST_F(IndexedSearch, ShapesWithoutCodesAreSaidAndCompletedByTheNextBuild) {
  add(0, kShapes);
  {
    GalleryWriter writer(folder / "g", identity, {.index = false});
    GalleryEntry entry;
    entry.name = "late";
    entry.parts = draw(5);
    entry.part_names.resize(4);
    writer.add(entry);
    writer.commit();
  }
  const Gallery without(folder / "g");
  EXPECT_EQ(without.index(), nullptr);
  EXPECT_NE(without.why_no_index().find("lacks shapes"), std::string::npos);
  EXPECT_EQ(recall(without), 1.0) << "every shape is looked at";
  { GalleryWriter(folder / "g", identity).commit(); }
  EXPECT_NE(Gallery(folder / "g").index(), nullptr);
}

TEST_F(IndexedSearch, ManyThreadsSearchOne) {
  add(0, kShapes);
  const Gallery gallery(folder / "g");
  std::vector<at::Tensor> queries;
  std::vector<std::vector<Hit>> wanted;
  for (int64_t q = 0; q < 16; ++q) queries.push_back(draw(q));
  {
    const Gallery other(folder / "g");
    for (const at::Tensor& query : queries) wanted.push_back(search(other, query, 10));
  }
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t q = t; q < queries.size(); q += 2) {
        const std::vector<Hit> hits = search(gallery, queries[q], 10);
        for (size_t i = 0; i < hits.size(); ++i) wrong += hits[i].index != wanted[q][i].index;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// One library gives a symbol to the whole program. A BLAS that FAISS brings must not take LibTorch's
// place: its products are many times slower, and nothing but time would tell.
TEST(Faiss, BringsNoOtherMatrixProductThanLibTorchs) {
  void* torch = dlopen("libtorch_cpu.so", RTLD_NOLOAD | RTLD_LAZY);
  ASSERT_NE(torch, nullptr);
  for (const char* name : {"sgemm_", "dgemm_"}) {
    void* own = dlsym(torch, name);
    if (own == nullptr) GTEST_SKIP() << "this LibTorch keeps " << name << " to itself";
    EXPECT_EQ(dlsym(RTLD_DEFAULT, name), own) << name;
  }
  dlclose(torch);
}

}  // namespace
}  // namespace pointattn::test
