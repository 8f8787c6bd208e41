// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pointattn::retrieval {

/// The text of explanation.html, with the place {{data}} to fill.
extern const char* const kExplanationHtml;

}  // namespace pointattn::retrieval
