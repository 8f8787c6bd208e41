// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/search_query.h"
#include "pointattn/view/scene.h"

#include <string>
#include <vector>

namespace pointattn::apps {

/// Shapes side by side in a picture, a page of it or the window.
constexpr size_t kMostPanels = 3;

/// A shape that was found, to be drawn.
struct FoundShape {
  double score = 0;
  retrieval::GalleryEntry entry;
  at::Tensor
      attention;     ///< float32 [n,R] weight of each point of the sketch in each part; undefined
                     ///< where the gallery's own sketch is drawn, which tells the parts alone
  std::string note;  ///< why it could not be read again; empty: it was
};

/// Reads the file of the shape again: its sketch becomes all of its points, with their
/// attention. Where that fails, or the file is not what the gallery was made from, the
/// gallery's sketch stays and `note` says so.
FoundShape read_again(double score,
                      retrieval::GalleryEntry entry,
                      const retrieval::Encoder& encoder,
                      const ShapeInput& input,
                      uint64_t seed);

/// The query with what its words met in each shape.
retrieval::Explanation explain(const Query& query, const std::vector<FoundShape>& found);

/// The shapes side by side, at most kMostPanels, the shape that was asked with before them; coloured
/// by part (the same name, the same colour), or by a field: `met`, the share of the query that met
/// the part of a point, or `attention`, how much the query attends to the point through the parts
/// that it met, 1 for a point that gets an even share. Throws c10::Error when there is nothing to
/// draw.
view::Scene scene_of(const Query& query, const std::vector<FoundShape>& found);

}  // namespace pointattn::apps
