// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/knn_tree.h"

#include "pointattn/ops/cpu_dispatch.h"

#include <algorithm>

namespace pointattn::ops {
namespace {

template <typename T>
struct Candidate {
  T sq_dist;
  int32_t row;

  bool operator<(const Candidate& other) const {
    return sq_dist < other.sq_dist || (sq_dist == other.sq_dist && row < other.row);
  }
};

/// The best `size` candidates so far. Every place starts with the limit, which any point within it
/// beats, so there is no "not yet full". Short lists are kept sorted, long ones as a heap.
template <typename T>
class BestList {
 public:
  explicit BestList(int64_t size) : list_(static_cast<size_t>(size)), heap_(size > 32) {}

  void reset(Candidate<T> limit) { std::fill(list_.begin(), list_.end(), limit); }
  Candidate<T> worst() const { return heap_ ? list_.front() : list_.back(); }

  void insert(Candidate<T> candidate) {
    if (heap_) {
      std::pop_heap(list_.begin(), list_.end());
      list_.back() = candidate;
      std::push_heap(list_.begin(), list_.end());
      return;
    }
    size_t place = list_.size() - 1;
    for (; place > 0 && candidate < list_[place - 1]; --place) list_[place] = list_[place - 1];
    list_[place] = candidate;
  }

  const std::vector<Candidate<T>>& sorted() {
    if (heap_) std::sort_heap(list_.begin(), list_.end());
    return list_;
  }

 private:
  std::vector<Candidate<T>> list_;
  bool heap_;
};

/// Squared distance from a query to a box. Rounding is monotone and the sum has the order of the
/// points' own, so no point of the box has a smaller computed distance: pruning by it loses
/// nothing.
template <typename T>
[[gnu::always_inline]] inline T sq_dist_to_box(const typename KdTree<T>::Node& node,
                                               const T* query) {
  T d[3];
  for (int axis = 0; axis < 3; ++axis) {
    const T below = node.low[axis] - query[axis];
    const T above = query[axis] - node.high[axis];
    const T outside = below > above ? below : above;
    d[axis] = outside > 0 ? outside : T(0);
  }
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}

template <typename T>
struct NearestKernel {
  using Tree = KdTree<T>;
  using Node = typename Tree::Node;

  static bool may_hold(const Node& node, T sq_dist, Candidate<T> worst) {
    return Candidate<T>{sq_dist, node.first_row} < worst;
  }

  [[gnu::always_inline]] static inline void scan(
      const Tree& tree, const Node& leaf, const T* query, BestList<T>& best, Candidate<T>& worst) {
    constexpr int64_t kBlock = Tree::kBlock;
    for (int64_t begin = leaf.begin; begin < leaf.end; begin += kBlock) {
      const T* x = tree.coordinate(0) + begin;
      const T* y = tree.coordinate(1) + begin;
      const T* z = tree.coordinate(2) + begin;
      T sq_dist[kBlock];
      int32_t near = 0;
      for (int64_t i = 0; i < kBlock; ++i) {
        const T dx = x[i] - query[0];
        const T dy = y[i] - query[1];
        const T dz = z[i] - query[2];
        sq_dist[i] = dx * dx + dy * dy + dz * dz;
        near |= static_cast<int32_t>(sq_dist[i] <= worst.sq_dist);
      }
      if (near == 0) continue;
      const int32_t* rows = tree.rows().data() + begin;
      for (int64_t i = 0; i < kBlock; ++i) {
        if (!(sq_dist[i] <= worst.sq_dist)) continue;
        const Candidate<T> candidate{sq_dist[i], rows[i]};
        if (!(candidate < worst)) continue;
        best.insert(candidate);
        worst = best.worst();
      }
    }
  }

  [[gnu::always_inline]] static inline void search(const Tree& tree,
                                                   const T* query,
                                                   BestList<T>& best) {
    struct Waiting {
      int32_t node;
      T sq_dist;
    };
    Waiting stack[64];  // one waits on each level of the tree, of which there are at most 32
    int waiting = 0;
    Candidate<T> worst = best.worst();
    const Node* nodes = tree.nodes().data();
    stack[waiting++] = {0, sq_dist_to_box<T>(nodes[0], query)};
    while (waiting > 0) {
      auto [id, sq_dist] = stack[--waiting];
      if (!may_hold(nodes[id], sq_dist, worst)) continue;
      while (!nodes[id].leaf()) {
        Waiting near{id + 1, sq_dist_to_box<T>(nodes[id + 1], query)};
        Waiting far{nodes[id].right, sq_dist_to_box<T>(nodes[nodes[id].right], query)};
        // Among equally near children the one with the lowest row goes first: with many equal
        // points the rest is then pruned.
        if (Candidate<T>{far.sq_dist, nodes[far.node].first_row} <
            Candidate<T>{near.sq_dist, nodes[near.node].first_row}) {
          std::swap(near, far);
        }
        if (may_hold(nodes[far.node], far.sq_dist, worst)) stack[waiting++] = far;
        id = near.node;
        if (!may_hold(nodes[id], near.sq_dist, worst)) break;
      }
      if (nodes[id].leaf()) scan(tree, nodes[id], query, best, worst);
    }
  }

  [[gnu::always_inline]] static inline void run(
      const Tree* tree, const T* queries, int64_t count, T limit, int64_t k, NeighborRows<T> out) {
    const int64_t found = std::min(k, tree->size());
    BestList<T> best(found);
    for (int64_t m = 0; m < count; ++m) {
      int64_t* index = out.index + m * k;
      T* sq_dist = out.sq_dist + m * k;
      std::fill(index, index + k, int64_t{-1});
      std::fill(sq_dist, sq_dist + k, std::numeric_limits<T>::infinity());
      if (found == 0) continue;
      best.reset({limit, Tree::kNoRow});
      search(*tree, queries + 3 * m, best);
      for (const Candidate<T>& candidate : best.sorted()) {
        if (candidate.row == Tree::kNoRow) break;
        *index++ = candidate.row + out.first_row;
        *sq_dist++ = candidate.sq_dist;
      }
    }
  }
};

}  // namespace

template <typename T>
KdTree<T>::KdTree(const T* points, int64_t n, int64_t leaf_size) : size_(n) {
  if (n == 0) return;
  std::vector<Item> items(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    items[static_cast<size_t>(i)] = {{points[3 * i], points[3 * i + 1], points[3 * i + 2]},
                                     static_cast<int32_t>(i)};
  }
  leaf_size = (std::max<int64_t>(leaf_size, 1) + kBlock - 1) / kBlock * kBlock;
  nodes_.reserve(static_cast<size_t>(2 * (n / leaf_size) + 1));
  build(items.data(), 0, n, leaf_size);
  const size_t padded = static_cast<size_t>((n + kBlock - 1) / kBlock * kBlock);
  for (size_t axis = 0; axis < 3; ++axis) {
    coordinates_[axis].assign(padded, std::numeric_limits<T>::infinity());
    for (size_t i = 0; i < items.size(); ++i) coordinates_[axis][i] = items[i].xyz[axis];
  }
  rows_.assign(padded, kNoRow);
  for (size_t i = 0; i < items.size(); ++i) rows_[i] = items[i].row;
}

template <typename T>
typename KdTree<T>::Node KdTree<T>::bounds(const Item* items, int64_t begin, int64_t end) {
  Node node{};
  node.begin = begin;
  node.end = end;
  node.first_row = kNoRow;
  for (int axis = 0; axis < 3; ++axis) node.low[axis] = node.high[axis] = items[begin].xyz[axis];
  for (int64_t i = begin; i < end; ++i) {
    for (int axis = 0; axis < 3; ++axis) {
      node.low[axis] = std::min(node.low[axis], items[i].xyz[axis]);
      node.high[axis] = std::max(node.high[axis], items[i].xyz[axis]);
    }
    node.first_row = std::min(node.first_row, items[i].row);
  }
  return node;
}

template <typename T>
void KdTree<T>::build(Item* items, int64_t begin, int64_t end, int64_t leaf_size) {
  const size_t id = nodes_.size();
  nodes_.push_back(bounds(items, begin, end));
  if (end - begin <= leaf_size) {
    std::sort(
        items + begin, items + end, [](const Item& a, const Item& b) { return a.row < b.row; });
    return;
  }
  const Node& node = nodes_[id];
  int axis = 0;
  for (int other = 1; other < 3; ++other) {
    if (node.high[other] - node.low[other] > node.high[axis] - node.low[axis]) axis = other;
  }
  // The left side takes whole leaves, so every leaf but the last is full.
  const int64_t middle = begin + ((end - begin) / 2 + leaf_size - 1) / leaf_size * leaf_size;
  std::nth_element(
      items + begin, items + middle, items + end, [axis](const Item& a, const Item& b) {
        return a.xyz[axis] < b.xyz[axis] || (a.xyz[axis] == b.xyz[axis] && a.row < b.row);
      });
  build(items, begin, middle, leaf_size);
  nodes_[id].right = static_cast<int32_t>(nodes_.size());
  build(items, middle, end, leaf_size);
}

template <typename T>
void KdTree<T>::nearest(
    const T* queries, int64_t count, T limit, int64_t k, const NeighborRows<T>& out) const {
  run_widest<NearestKernel<T>>(this, queries, count, limit, k, out);
}

template class KdTree<float>;
template class KdTree<double>;

}  // namespace pointattn::ops
