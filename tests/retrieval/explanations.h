// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/retrieval/explanation.h"

#include <string>

namespace pointattn::test {

inline const std::string kHostile =
    "</script><script>document.title='broken'</script><!--<img src=x "
    "onerror=\"document.title='broken'\">";

/// A sentence of two phrases, words in turn, that found two shapes of 40 points; phrase i met part i
/// of each, "leg" and "seat", which share the points in turn.
retrieval::Explanation explanation_of(const std::string& sentence);

}  // namespace pointattn::test
