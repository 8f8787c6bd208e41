// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/html.h"

#include <c10/util/Exception.h>

namespace pointattn {

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\0')
      out += "\xEF\xBF\xBD";  // a page cannot hold NUL
    else
      out += c;
  }
  return out;
}

std::string script_json(std::string_view json) {
  std::string out;
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string fill_page(std::string_view page,
                      const std::vector<std::pair<std::string, std::string>>& texts) {
  std::string out;
  size_t at = 0;
  for (const auto& [name, text] : texts) {
    const std::string place = "{{" + name + "}}";
    const size_t found = page.find(place, at);
    TORCH_INTERNAL_ASSERT(found != std::string_view::npos, "no place ", place, " in the page");
    out += page.substr(at, found - at);
    out += text;
    at = found + place.size();
  }
  return out += page.substr(at);
}

}  // namespace pointattn
