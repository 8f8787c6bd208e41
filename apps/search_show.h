// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "apps/search_query.h"
#include "pointattn/view/scene.h"

#include <vector>

namespace pointattn::apps {

/// A shape that was found, with everything that the gallery keeps of it.
struct FoundShape {
  double score = 0;
  retrieval::GalleryEntry entry;
};

/// The query with what its words met in each shape.
retrieval::Explanation explain(const Query& query, const std::vector<FoundShape>& found);

/// The shapes side by side as the gallery sketched them, at most three, the shape that was asked
/// with before them; coloured by part (the same name, the same colour) or by `met`, the share of the
/// query that met the part of a point. Shapes without a sketch are noted; throws c10::Error when
/// none has one.
view::Scene scene_of(const Query& query, const std::vector<FoundShape>& found);

}  // namespace pointattn::apps
