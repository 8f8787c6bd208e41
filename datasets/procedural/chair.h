// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/solids.h"

namespace pointattn::datasets {

enum ChairPart { kBack, kSeat, kLeg, kArm };

struct Chair {
  double width;
  double depth;
  double seat_top;
  double thickness;
  double back_height;
  double tilt;  ///< of the back, radians
};

/// Straight legs, a star with or without castors, a sled, or a disc.
void build_chair_legs(ShapeBuilder& shape, Random& random, const Chair& c);

}  // namespace pointattn::datasets
