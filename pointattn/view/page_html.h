// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace pointattn::view {

/// The text of page.html, with the places {{title}} and {{data}} to fill.
extern const char* const kPageHtml;

}  // namespace pointattn::view
