// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/view/scene.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace pointattn::apps {

/// How a result is looked at: the options that every command that shows something shares.
struct ShowOptions {
  std::string screenshot;  ///< .png; a folder for several inputs, like the next two; empty: none
  std::string turntable;   ///< .gif or .mp4
  std::string html;        ///< .html
  bool window = false;
  std::string by;
  std::string size;  ///< WxH; empty: what suits the kind of picture
  double point_size = 0;
  int64_t views = 1;
  std::string up = "y";
  std::string save_view;
  std::string load_view;

  bool pictures() const { return !screenshot.empty() || !turntable.empty() || !html.empty(); }
  bool anything() const { return window || pictures(); }
};

/// `with_up` false: a command that knows what points upwards.
void add_show(CLI::App& app, ShowOptions& options, bool with_up = true);

/// Throws UsageError for a request that cannot be meant, before anything is computed.
void check_show(const ShowOptions& options, bool several);

/// Throws UsageError unless the path, where there is one, ends in one of `endings` (".png").
void check_ending(const char* option,
                  const std::string& path,
                  const std::vector<std::string>& endings);

/// The options of one of several results: the folders become files in them named `stem`.
ShowOptions in_folders(ShowOptions options, const std::string& stem);

/// The axis that --up names.
int up_axis(const ShowOptions& options);

/// Writes the pictures and pages that were asked for; returns their files. `note` hears what was
/// unusual. Throws UsageError for a --by that the scene does not have.
std::vector<std::string> write_pictures(const view::Scene& scene,
                                        const ShowOptions& options,
                                        const std::function<void(const std::string&)>& note);

/// Opens the window and returns when it is closed.
void open_window(const view::Scene& scene, const ShowOptions& options);

}  // namespace pointattn::apps
