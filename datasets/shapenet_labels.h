// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/core/labels.h"

namespace pointattn::datasets {

/// The 16 categories and 50 parts of ShapeNetPart (Yi et al. 2016) in the order of its ids. The
/// release numbers its parts without naming them: the names are this project's description of what
/// the numbers mark.
LabelMap shapenet_part_labels();

/// The 40 categories of ModelNet40 (Wu et al. 2015) in the order of its HDF5 release.
LabelMap modelnet40_labels();

}  // namespace pointattn::datasets
