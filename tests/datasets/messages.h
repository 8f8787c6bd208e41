// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/util/Exception.h>

#include <functional>
#include <string>

namespace pointattn::test {

/// What an action complains about; empty when it does not. Anything but c10::Error goes through and
/// fails the test.
inline std::string complaint(const std::function<void()>& action) {
  try {
    action();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

}  // namespace pointattn::test

/// The action throws, and its message contains every one of the texts.
#define EXPECT_COMPLAINT(action, ...)                                                          \
  do {                                                                                         \
    const std::string said = pointattn::test::complaint([&] { action; });                      \
    EXPECT_FALSE(said.empty()) << "expected an error";                                         \
    for (const std::string& text : std::vector<std::string>{__VA_ARGS__}) {                    \
      EXPECT_NE(said.find(text), std::string::npos) << "'" << text << "' is not in: " << said; \
    }                                                                                          \
  } while (false)
