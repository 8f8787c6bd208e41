// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What self-contained pages are made of: a template with places {{name}}, and texts of strangers.
namespace pointattn {

/// Text that can stand between tags and in a quoted attribute; NUL becomes U+FFFD.
std::string html_text(std::string_view text);

/// JSON that can stand inside a script element: nothing in it ends one or opens a comment.
std::string script_json(std::string_view json);

/// The page with each {{name}} replaced by its text, in the order of `texts`, each place once and in
/// that order in the page. The texts themselves are not looked at.
std::string fill_page(std::string_view page,
                      const std::vector<std::pair<std::string, std::string>>& texts);

}  // namespace pointattn
