// SPDX-License-Identifier: Apache-2.0
#include "pointattn/retrieval/encoder.h"

#include "pointattn/core/point_batch.h"
#include "pointattn/models/inference.h"
#include "pointattn/ops/interpolate.h"
#include "pointattn/ops/knn.h"
#include "pointattn/retrieval/part_names.h"
#include "pointattn/retrieval/shape_pools.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::retrieval {
namespace {

constexpr double kSureCategory = 0.5;
constexpr double kSharePerName = 0.5;
/// What a segmenter sees of a cloud to name its parts: far more than a retrieval network needs.
constexpr int64_t kNamingPoints = 2048;

at::Tensor unit_rows(const at::Tensor& rows) {
  return rows / rows.norm(2, -1, true).clamp_min(1e-12);
}

/// The part [n] that attends to each point most. The whole shape is passed over: it attends to all.
at::Tensor part_of(const at::Tensor& attention, const std::vector<std::string>& names) {
  const int64_t rows = attention.size(1);
  const int64_t first = rows > 1 && names[0] == kWholeShape ? 1 : 0;
  return attention.narrow(1, first, rows - first).argmax(1) + first;
}

/// `xyz` in the frame that to_unit_sphere() gives `sample`.
at::Tensor in_frame_of(const at::Tensor& sample, const at::Tensor& xyz) {
  const at::Tensor points = sample.to(at::kDouble);
  const at::Tensor mean = points.mean(0, /*keepdim=*/true);
  const double radius = (points - mean).norm(2, 1).max().item<double>();
  return ((xyz.to(at::kDouble) - mean) / (radius > 0 ? radius : 1)).to(at::kFloat).contiguous();
}

/// Names of the labels that the attention [n,R] of each part to points [n,3] lies on most; the
/// segmenter labelled `labelled` [m,3].
std::vector<std::string> names_of(const at::Tensor& attention,
                                  const at::Tensor& points,
                                  const at::Tensor& labelled,
                                  const models::Segmentation& found,
                                  const LabelMap& labels) {
  const Category& category = labels.categories.at(static_cast<size_t>(found.category));
  const auto parts = static_cast<int64_t>(category.parts.size());
  const at::Tensor nearest =
      ops::knn(points, labelled, offsets_of({points.size(0)}), offsets_of({labelled.size(0)}), 1)
          .index.squeeze(1);
  const at::Tensor label = found.label.index_select(0, nearest) - category.first_part;
  const at::Tensor member = at::one_hot(label, parts).to(attention.scalar_type());
  const auto [share, most] = attention.t().mm(member).max(1);  // [R]
  std::vector<std::string> names(static_cast<size_t>(attention.size(1)));
  for (size_t r = 0; r < names.size(); ++r) {
    const auto row = static_cast<int64_t>(r);
    if (share[row].item<double>() >= kSharePerName) {
      names[r] = category.parts[static_cast<size_t>(most[row].item<int64_t>())].name;
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

ShapeEmbedding spread(ShapeEmbedding shape) {
  const at::Tensor attention = ops::interpolate(shape.cloud,
                                                shape.points,
                                                shape.attention,
                                                offsets_of({shape.cloud.size(0)}),
                                                offsets_of({shape.points.size(0)}));
  shape.points = shape.cloud;
  shape.attention = attention / attention.sum(0).clamp_min(1e-12);
  shape.part = part_of(shape.attention, shape.part_names);
  return shape;
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
  out.cloud = in_frame_of(cloud.sample, cloud.xyz);
  std::optional<models::Segmentation> found;
  // A guide labels the points that it guides the attention to. Names come from a denser sample, in
  // the frame of the first one.
  const bool guided = !model_.guide.empty();
  const at::Tensor seen = guided ? out.points : cloud.sample;
  at::Tensor labelled = seen;
  if (segmenter_) {
    if (!guided) labelled = models::prepare_cloud(cloud.xyz, kNamingPoints).sample;
    models::SegmentOptions options;
    options.points = labelled.size(0);
    found = segmenter_->segment(labelled, options);
  }
  at::Tensor prior;
  if (guided) {
    prior = prior_of(*found, segmenter_->model().spec.labels, model_.options.shape.parts);
  }
  RetrievalNetwork network = model_.network;  // a handle: forward is not const
  const Embedded embedded = network->shapes(PointBatch::of({out.points}), prior);
  out.parts = unit_rows(embedded.vectors[0]).contiguous();
  out.attention = embedded.attention;
  out.part_names.resize(static_cast<size_t>(out.parts.size(0)));
  if (found && found->category_confidence >= kSureCategory) {
    out.part_names =
        names_of(out.attention, seen, labelled, *found, segmenter_->model().spec.labels);
  }
  if (model_.options.shape.whole) out.part_names[0] = kWholeShape;
  out.part = part_of(out.attention, out.part_names);
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
