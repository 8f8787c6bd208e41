// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/segmenter.h"
#include "pointattn/retrieval/gallery.h"
#include "pointattn/retrieval/model.h"
#include "pointattn/text/words.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pointattn::retrieval {

/// A cloud of any unit and size as the network sees it.
struct ShapeEmbedding {
  at::Tensor parts;      ///< float32 [R,E], unit rows
  at::Tensor points;     ///< float32 [n,3] the points that the network saw, in the unit sphere
  at::Tensor attention;  ///< float32 [n,R] weight of each point in each part; columns sum to 1
  at::Tensor part;       ///< int64 [n] the part that attends to the point most; the whole shape,
                         ///< which attends to all points alike, only where it is the only row
  at::Tensor cloud;      ///< float32 [F,3] all finite points of the cloud, in the frame of `points`
  std::vector<std::string> part_names;  ///< R, "" where nothing names it
  std::vector<std::string> notes;       ///< what was unusual about the cloud, one line each
};

/// The shape with all of its points in place of those that the network saw: each has the attention of
/// the three nearest of these, the nearer the more.
ShapeEmbedding spread(ShapeEmbedding shape);

/// A sentence as the network reads it.
struct TextEmbedding {
  at::Tensor phrases;             ///< float32 [W,E], unit rows
  at::Tensor attention;           ///< float32 [L,W] weight of each word in each phrase
  std::vector<text::Word> words;  ///< L; none for a sentence without a word
};

/// Gives `entry` its sketch: an even share of the embedding's points, at most `points`, with the part
/// of each.
void add_sketch(GalleryEntry& entry, const ShapeEmbedding& embedding, int64_t points);

/// Embeds shapes and sentences one at a time with a retrieval model, on the CPU.
class Encoder {
 public:
  /// `model` is the name that galleries remember. `segmenter` names the parts, and guides their
  /// attention where the model was trained with a guide; then it must be there.
  Encoder(RetrievalModel model,
          const std::string& name,
          std::optional<models::Segmenter> segmenter = std::nullopt);

  /// xyz [N,3] float32 or float64, y up. The cloud is sampled and scaled as for segmentation. A part
  /// bears the name of the segmenter's label that at least half of its attention lies on, when the
  /// segmenter is sure enough of the category. Throws c10::ValueError: no finite point.
  ShapeEmbedding shape(const at::Tensor& xyz) const;

  /// Throws c10::ValueError where the text is not UTF-8.
  TextEmbedding text(const std::string& sentence) const;

  const GalleryIdentity& identity() const { return identity_; }
  const matching::ScoreOptions& score() const { return model_.options.score; }

 private:
  RetrievalModel model_;
  GalleryIdentity identity_;
  std::optional<models::Segmenter> segmenter_;
};

}  // namespace pointattn::retrieval
