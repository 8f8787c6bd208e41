// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/data.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace pointattn::test {

/// Pages in a real browser, without a display; cases are skipped, visibly, where there is none.
class Browser : public testing::Test {
 protected:
  void SetUp() override;

  /// Runs the browser on a page of 900x700 pixels, `hash` (with its #) behind its address, with
  /// these options; returns what it wrote on stdout.
  std::string browse(const std::filesystem::path& page,
                     const std::string& hash,
                     const std::string& options);

  /// The page as the browser has it when its scripts have run.
  std::string document(const std::filesystem::path& page, const std::string& hash = "");

  /// A PNG of the page.
  std::filesystem::path picture(const std::filesystem::path& page, const std::string& hash = "");

  ScratchFolder folder_;

 private:
  std::string program_;
};

}  // namespace pointattn::test
