// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "datasets/procedural/solids.h"

#include <string>
#include <vector>

namespace pointattn::datasets {

/// A category of generated objects. `build` draws every proportion and option from the random
/// numbers it is given; lengths are metres, so that the relations inside an object are those of
/// real ones.
struct ShapeKind {
  std::string name;
  std::vector<std::string> parts;
  void (*build)(ShapeBuilder& shape, Random& random);
};

/// All categories. A new one is a function below, its definition in a file of its group, and a line
/// in kinds.cpp.
const std::vector<ShapeKind>& shape_kinds();

ShapeKind airplane();
ShapeKind bed();
ShapeKind bookshelf();
ShapeKind bottle();
ShapeKind cap();
ShapeKind car();
ShapeKind chair();
ShapeKind glasses();
ShapeKind guitar();
ShapeKind hammer();
ShapeKind headphones();
ShapeKind knife();
ShapeKind lamp();
ShapeKind laptop();
ShapeKind mug();
ShapeKind rocket();
ShapeKind skateboard();
ShapeKind sofa();
ShapeKind table();
ShapeKind teapot();
ShapeKind umbrella();
ShapeKind vase();

}  // namespace pointattn::datasets
