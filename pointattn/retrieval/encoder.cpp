// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/encoder.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/models/inference.h"
#include "pointattn/retrieval/part_names.h"
#include "pointattn/retrieval/shape_pools.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::retrieval {
namespace {

constexpr double kSureCategory = 0.5;
constexpr double kSharePerName = 0.5;

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

/// Names of the labels that the attention [n,R] of each part lies on most.
std::vector<std::string> names_of(const at::Tensor& attention,
                                  const models::Segmentation& found,
                                  const LabelMap& labels) {
  const Category& category = labels.categories.at(static_cast<size_t>(found.category));
  const auto parts = static_cast<int64_t>(category.parts.size());
  const at::Tensor member =
      at::one_hot(found.label - category.first_part, parts).to(attention.scalar_type());
  const auto [share, label] = attention.t().mm(member).max(1);  // [R]
  std::vector<std::string> names(static_cast<size_t>(attention.size(1)));
  for (size_t r = 0; r < names.size(); ++r) {
    const auto row = static_cast<int64_t>(r);
    if (share[row].item<double>() >= kSharePerName) {
      names[r] = category.parts[static_cast<size_t>(label[row].item<int64_t>())].name;
    }
  }
  return names;
}

}  // namespace

void add_sketch(GalleryEntry& entry, const ShapeEmbedding& embedding, int64_t points) {
  const int64_t seen = embedding.points.size(0);
  const int64_t n = std::min(points, seen);
  if (n == 0) return;
  const at::Tensor index = at::div(at::arange(n, at::kLong) * seen, n, "floor");
  entry.sketch = embedding.points.index_select(0, index).contiguous();
  const at::Tensor part = embedding.part.index_select(0, index).to(at::kByte).contiguous();
  entry.sketch_parts.assign(part.const_data_ptr<uint8_t>(), part.const_data_ptr<uint8_t>() + n);
}

Encoder::Encoder(RetrievalModel model,
                 const std::string& name,
                 std::optional<models::Segmenter> segmenter)
    : model_(std::move(model)), segmenter_(std::move(segmenter)) {
  TORCH_CHECK_VALUE(model_.guide.empty() || segmenter_,
                    "Encoder: expected the segmenter ",
                    model_.guide,
                    " that guides this model, got none");
  const ShapeEncoderOptions& shape = model_.options.shape;
  identity_ = {name, model_.fingerprint, shape.parts + (shape.whole ? 1 : 0), model_.options.width};
}

ShapeEmbedding Encoder::shape(const at::Tensor& xyz) const {
  const at::NoGradGuard no_grad;
  const models::PreparedCloud cloud = models::prepare_cloud(xyz, model_.points);
  ShapeEmbedding out;
  out.notes = cloud.notes;
  out.points = to_unit_sphere(cloud.sample);
  std::optional<models::Segmentation> found;
  if (segmenter_) {
    models::SegmentOptions options;
    options.points = out.points.size(0);
    found = segmenter_->segment(out.points, options);
  }
  at::Tensor prior;
  if (!model_.guide.empty()) {
    prior = prior_of(*found, segmenter_->model().spec.labels, model_.options.shape.parts);
  }
  RetrievalNetwork network = model_.network;  // a handle: forward is not const
  const Embedded embedded = network->shapes(PointBatch::of({out.points}), prior);
  out.parts = unit_rows(embedded.vectors[0]).contiguous();
  out.attention = embedded.attention;
  const int64_t rows = out.parts.size(0);
  const int64_t first = model_.options.shape.whole && rows > 1 ? 1 : 0;
  out.part = out.attention.narrow(1, first, rows - first).argmax(1) + first;
  out.part_names.resize(static_cast<size_t>(rows));
  if (found && found->category_confidence >= kSureCategory) {
    out.part_names = names_of(out.attention, *found, segmenter_->model().spec.labels);
  }
  if (model_.options.shape.whole) out.part_names[0] = kWholeShape;
  return out;
}

TextEmbedding Encoder::text(const std::string& sentence) const {
  const at::NoGradGuard no_grad;
  TextEmbedding out;
  out.words = text::words_of(sentence);
  RetrievalNetwork network = model_.network;
  const Embedded embedded = network->texts(text::encode(*model_.vocabulary, {out.words}));
  out.phrases = unit_rows(embedded.vectors[0]).contiguous();
  // A sentence without words was given one row in their place; nobody wants to see it.
  const auto words = static_cast<int64_t>(out.words.size());
  out.attention = embedded.attention.narrow(0, 0, words);
  return out;
}

}  // namespace pointattn::retrieval
