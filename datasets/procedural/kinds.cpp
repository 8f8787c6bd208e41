// SPDX-License-Identifier: Apache-2.0
#include "datasets/procedural/kinds.h"

namespace pointattn::datasets {

const std::vector<ShapeKind>& shape_kinds() {
  static const std::vector<ShapeKind> kinds{
      airplane(),   bed(),    bookshelf(),  bottle(), cap(),      car(),    chair(), glasses(),
      guitar(),     hammer(), headphones(), knife(),  lamp(),     laptop(), mug(),   rocket(),
      skateboard(), sofa(),   table(),      teapot(), umbrella(), vase(),
  };
  return kinds;
}

}  // namespace pointattn::datasets
