// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/ops/key_sort.h"
#include "pointattn/ops/point_kernels.h"
#include "pointattn/ops/point_simd.h"

// Lists of the best candidates of one query, by (distance, row).
namespace pointattn::ops::search {
namespace {

template <typename T>
constexpr T kInfinity = static_cast<T>(__builtin_inff());

/// Squared distances of a query to the points of a leaf.
template <typename T>
POINTATTN_INLINE Sixteen<T> sq_dist_to_points(const Leaf<T>& leaf, const T* query) {
  Sixteen<T> result;
#pragma GCC unroll 8
  for (int p = 0; p < Sixteen<T>::kParts; ++p) {
    const Vector<T> x = load(leaf.xyz[0] + p * kLanes<T>) - query[0];
    const Vector<T> y = load(leaf.xyz[1] + p * kLanes<T>) - query[1];
    const Vector<T> z = load(leaf.xyz[2] + p * kLanes<T>) - query[2];
    result.part[p] = x * x + y * y + z * z;
  }
  return result;
}

/// Distance and row of a candidate; what a full list does not beat is out of the question.
template <typename T>
struct Bound {
  T sq_dist;
  int32_t row;

  bool operator<(const Bound& other) const {
    return sq_dist < other.sq_dist || (sq_dist == other.sq_dist && row < other.row);
  }
};

// A candidate of float32 as one integer: the distance, which is not negative and so orders as its
// bits do, above the row.
POINTATTN_INLINE int64_t make_key(Bound<float> candidate) {
  int32_t bits;
  __builtin_memcpy(&bits, &candidate.sq_dist, sizeof(bits));
  return static_cast<int64_t>(bits) << 32 | candidate.row;
}
POINTATTN_INLINE float key_sq_dist(int64_t key) {
  const int32_t bits = static_cast<int32_t>(key >> 32);
  float sq_dist;
  __builtin_memcpy(&sq_dist, &bits, sizeof(bits));
  return sq_dist;
}

/// Appends the keys of the points of a leaf that are below `limit`; may write sixteen places.
POINTATTN_INLINE int64_t append_keys(
    const Leaf<float>& leaf, const int32_t* rows, const float* query, int64_t limit, int64_t* to) {
  const Sixteen<float> d = sq_dist_to_points(leaf, query);
  int64_t count = 0;
#if defined(__AVX512F__)
  const __m512i bits = _mm512_castps_si512((__m512)d.part[0]);
  const __m512i row = _mm512_loadu_si512(rows);
  const __m512i halves[] = {_mm512_unpacklo_epi32(row, bits), _mm512_unpackhi_epi32(row, bits)};
  for (const __m512i& keys : halves) {
    const __mmask8 near = _mm512_cmplt_epi64_mask(keys, _mm512_set1_epi64(limit));
    _mm512_storeu_si512(to + count, _mm512_maskz_compress_epi64(near, keys));
    count += __builtin_popcount(near);
  }
#else
  alignas(64) float sq_dist[16];
  store(sq_dist, d);
  for (uint32_t near = not_above(d, key_sq_dist(limit)); near != 0; near &= near - 1) {
    const int i = __builtin_ctz(near);
    to[count] = make_key({sq_dist[i], rows[i]});
    count += to[count] < limit;
  }
#endif
  return count;
}

POINTATTN_INLINE void write_keys(
    const int64_t* keys, int64_t size, int64_t first_row, int64_t* index, float* sq_dist) {
  for (int64_t i = 0; i < size; ++i) {
    const int32_t row = static_cast<int32_t>(keys[i]);
    index[i] = row == kNoRow ? -1 : row + first_row;
    sq_dist[i] = row == kNoRow ? kInfinity<float> : key_sq_dist(keys[i]);
  }
}

/// Up to 16 kSixteens candidates of float32, kept sorted by networks that take sixteen new ones at a
/// time.
template <int kSixteens>
class BestKeys {
 public:
  static constexpr int kSize = 16 * kSixteens;

  /// The best `size` ≤ kSize no further than `limit`.
  POINTATTN_INLINE void reset(int64_t size, float limit) {
    const int64_t none = make_key({limit, kNoRow});
    for (int i = 0; i < kSize; ++i) list_[i] = none;
    last_ = size > 0 ? static_cast<int>(size) - 1 : 0;
    waiting_count_ = 0;
    set_worst(none);
  }

  /// Says that no candidate beyond `bound` will be among the best.
  POINTATTN_INLINE void expect(Bound<float> bound) {
    if (bound < worst_) set_worst(make_key(bound));
  }

  POINTATTN_INLINE Bound<float> worst() const { return worst_; }

  POINTATTN_INLINE void scan(const Leaf<float>& leaf, const int32_t* rows, const float* query) {
    waiting_count_ +=
        static_cast<int>(append_keys(leaf, rows, query, worst_key_, waiting_ + waiting_count_));
    if (waiting_count_ >= 16) take_batch();
  }

  /// Takes in what waits.
  POINTATTN_INLINE void finish() {
    if (waiting_count_ == 0) return;
    for (int i = waiting_count_; i < 16; ++i) waiting_[i] = INT64_MAX;
    waiting_count_ = 16;
    take_batch();
  }

  POINTATTN_INLINE void write(int64_t size, int64_t first_row, int64_t* index, float* sq_dist) {
    write_keys(list_, size, first_row, index, sq_dist);
  }

 private:
  static constexpr int kVectors = kSize / kKeyLanes;
  static constexpr int kBatch = 16 / kKeyLanes;

  POINTATTN_INLINE void set_worst(int64_t key) {
    worst_key_ = key;
    worst_ = {key_sq_dist(key), static_cast<int32_t>(key)};
  }

  /// Merges the first sixteen that wait.
  POINTATTN_INLINE void take_batch() {
    Keys batch[kBatch];
    Keys all[kVectors];
    for (int v = 0; v < kBatch; ++v) batch[v] = load(waiting_ + v * kKeyLanes);
    sort<int64_t, kBatch>(batch);
    for (int v = 0; v < kVectors; ++v) all[v] = load(list_ + v * kKeyLanes);
    // The best sixteen of the worst sixteen and the batch; with the rest they are bitonic.
    for (int v = 0; v < kBatch; ++v) {
      Keys& tail = all[kVectors - kBatch + v];
      tail = least(tail, reversed(batch[kBatch - 1 - v]));
    }
    merge<int64_t, kVectors>(all);
    for (int v = 0; v < kVectors; ++v) store<int64_t>(list_ + v * kKeyLanes, all[v]);
    if (list_[last_] < worst_key_) set_worst(list_[last_]);
    waiting_count_ -= 16;
    for (int v = 0; v < kBatch; ++v)
      store<int64_t>(waiting_ + v * kKeyLanes, load(waiting_ + 16 + v * kKeyLanes));
  }

  alignas(64) int64_t list_[kSize];
  alignas(64) int64_t waiting_[32];
  int waiting_count_;
  int last_;
  int64_t worst_key_;
  Bound<float> worst_;
};

/// All candidates of float32 within the limit, where it is known how many there are.
class AllKeys {
 public:
  AllKeys() = default;
  AllKeys(const AllKeys&) = delete;
  AllKeys& operator=(const AllKeys&) = delete;
  ~AllKeys() { delete[] keys_; }

  POINTATTN_INLINE void reset(int64_t size, float limit) {
    const int64_t places = sortable(size + 16);  // a leaf writes sixteen places
    if (places > capacity_) {
      delete[] keys_;
      keys_ = new int64_t[static_cast<unsigned long>(places)];
      capacity_ = places;
    }
    count_ = 0;
    worst_ = {limit, kNoRow};
  }

  void expect(Bound<float>) {}
  POINTATTN_INLINE Bound<float> worst() const { return worst_; }

  POINTATTN_INLINE void scan(const Leaf<float>& leaf, const int32_t* rows, const float* query) {
    count_ += append_keys(leaf, rows, query, make_key(worst_), keys_ + count_);
  }

  void finish() {}

  POINTATTN_INLINE void write(int64_t size, int64_t first_row, int64_t* index, float* sq_dist) {
    sort_keys(keys_, count_);
    write_keys(keys_, size, first_row, index, sq_dist);
  }

 private:
  int64_t* keys_ = nullptr;
  int64_t capacity_ = 0;
  int64_t count_ = 0;
  Bound<float> worst_{};
};

/// Any number of candidates of either type: a short list is kept sorted, a long one as a heap whose
/// front is the worst.
template <typename T>
class BestList {
 public:
  BestList() = default;
  BestList(const BestList&) = delete;
  BestList& operator=(const BestList&) = delete;
  ~BestList() { delete[] list_; }

  POINTATTN_INLINE void reset(int64_t size, T limit) {
    if (size > capacity_) {
      delete[] list_;
      list_ = new Bound<T>[static_cast<unsigned long>(size)];
      capacity_ = size;
    }
    size_ = size;
    filled_ = 0;
    for (int64_t i = 0; i < size; ++i) list_[i] = {limit, kNoRow};
    // Nothing beats the worst of a list without places.
    worst_ = size > 0 ? Bound<T>{limit, kNoRow} : Bound<T>{T(-1), 0};
  }

  POINTATTN_INLINE void expect(Bound<T> bound) {
    if (bound < worst_) worst_ = bound;
  }

  POINTATTN_INLINE Bound<T> worst() const { return worst_; }

  POINTATTN_INLINE void scan(const Leaf<T>& leaf, const int32_t* rows, const T* query) {
    const Sixteen<T> d = sq_dist_to_points(leaf, query);
    uint32_t near = not_above(d, worst_.sq_dist);
    if (near == 0) return;
    alignas(64) T sq_dist[16];
    store(sq_dist, d);
    for (; near != 0; near &= near - 1) {
      const int i = __builtin_ctz(near);
      const Bound<T> candidate{sq_dist[i], rows[i]};
      if (candidate < worst_) insert(candidate);
    }
  }

  void finish() {}

  void write(int64_t size, int64_t first_row, int64_t* index, T* sq_dist) {
    if (heap()) {  // the worst goes last, again and again
      if (filled_ < size_) order_heap();
      for (int64_t left = size - 1; left > 0; --left) {
        const Bound<T> last = list_[left];
        list_[left] = list_[0];
        sink(last, 0, left);
      }
    }
    for (int64_t i = 0; i < size; ++i) {
      const bool none = list_[i].row == kNoRow;
      index[i] = none ? -1 : list_[i].row + first_row;
      sq_dist[i] = none ? kInfinity<T> : list_[i].sq_dist;
    }
  }

 private:
  bool heap() const { return size_ > 32; }

  POINTATTN_INLINE void insert(Bound<T> candidate) {
    if (heap()) {
      if (filled_ == size_) {
        sink(candidate, 0, size_);
      } else {
        list_[filled_++] = candidate;
        if (filled_ < size_) return;
        order_heap();
      }
      if (list_[0] < worst_) worst_ = list_[0];
      return;
    }
    int64_t place = size_ - 1;
    for (; place > 0 && candidate < list_[place - 1]; --place) list_[place] = list_[place - 1];
    list_[place] = candidate;
    if (list_[size_ - 1] < worst_) worst_ = list_[size_ - 1];
  }

  void order_heap() {
    for (int64_t i = size_ / 2; i-- > 0;) sink(list_[i], i, size_);
  }

  /// Puts `candidate` at `place`, or below it in the heap of the first `size`.
  void sink(Bound<T> candidate, int64_t place, int64_t size) {
    for (int64_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && list_[child] < list_[child + 1]) ++child;
      if (!(candidate < list_[child])) break;
      list_[place] = list_[child];
      place = child;
    }
    list_[place] = candidate;
  }

  Bound<T>* list_ = nullptr;
  int64_t size_ = 0;
  int64_t filled_ = 0;  ///< of a heap, which is none before it is full
  int64_t capacity_ = 0;
  Bound<T> worst_{};
};

}  // namespace
}  // namespace pointattn::ops::search
