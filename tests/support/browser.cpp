// SPDX-License-Identifier: Apache-2.0
#include "tests/support/browser.h"

#include "pointattn/core/files.h"

#include <cstdlib>

namespace pointattn::test {

void Browser::SetUp() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (std::system((std::string("command -v ") + name + " >/dev/null").c_str()) == 0) {
      program_ = name;
      return;
    }
  }
  GTEST_SKIP() << "no Chromium found: install the Debian package chromium";
}

std::string Browser::browse(const std::filesystem::path& page,
                            const std::string& hash,
                            const std::string& options) {
  const std::string command =
      "cd '" + folder_.path().string() + "' && timeout 120 " + program_ +
      " --headless=new --no-sandbox --disable-gpu-sandbox --use-gl=angle --use-angle=swiftshader"
      " --enable-unsafe-swiftshader --hide-scrollbars --window-size=900,700 "
      "--virtual-time-budget=5000"
      " --user-data-dir=profile " +
      options + " 'file://" + page.string() + hash + "' >out 2>err";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder_ / "err");
  return read_file(folder_ / "out");
}

std::string Browser::document(const std::filesystem::path& page, const std::string& hash) {
  return browse(page, hash, "--dump-dom");
}

std::filesystem::path Browser::picture(const std::filesystem::path& page, const std::string& hash) {
  browse(page, hash, "--screenshot=shot.png");
  return folder_ / "shot.png";
}

}  // namespace pointattn::test
