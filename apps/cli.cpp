// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"

#include "pointattn/core/closest.h"
#include "pointattn/core/files.h"
#include "pointattn/core/version.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <iostream>
#include <map>
#include <new>

namespace pointattn::apps {
namespace {

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = closest(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

/// The command that was being parsed: the deepest sub-command of the call.
const CLI::App* deepest(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App* app) {
  return app->get_parent() ? full_name(app->get_parent()) + " " + app->get_name() : app->get_name();
}

/// The message for an argument that no option takes; empty when there is none.
std::string stray_argument(const CLI::App& app) {
  const std::vector<std::string> left = app.remaining(true);
  if (left.empty()) return "";
  const std::string word = left.front().substr(0, left.front().find('='));
  std::vector<std::string> known;
  if (word.starts_with("-")) {
    for (const CLI::Option* option : deepest(&app)->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    return "unknown option '" + word + "'" + suggestion(word, known);
  }
  for (const CLI::App* command :
       deepest(&app)->get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  return (known.empty() ? "unexpected argument '" : "unknown command '") + word + "'" +
         suggestion(word, known);
}

int report(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = deepest(&app);
  // Help and version are no errors: CLI11 prints them.
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  const std::string stray = stray_argument(app);
  print_error((stray.empty() ? error.what() : stray) + std::string(" (see ") + full_name(command) +
              " --help)");
  return 2;
}

}  // namespace

void add_shared(CLI::App& app, Shared& shared, bool with_device) {
  app.add_option("--threads", shared.threads, "Threads; 0 takes every core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str()
      ->group("Run");
  app.add_option("--seed", shared.seed, "Seed of everything that is drawn at random")
      ->capture_default_str()
      ->group("Run");
  if (with_device) {
    app.add_option("--device", shared.device, "auto takes a GPU when there is one")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
        ->capture_default_str()
        ->group("Run");
  }
  app.add_flag("-q,--quiet", shared.quiet, "No notes and no progress on stderr")->group("Run");
}

at::Device start(const Shared& shared) {
  if (shared.threads > 0) at::set_num_threads(shared.threads);
  at::manual_seed(shared.seed);
  // Also false in a build with CUDA on a machine without a GPU or driver.
  const bool cuda = shared.device != "cpu" && at::globalContext().hasCUDA();
  TORCH_CHECK_VALUE(
      shared.device != "cuda" || cuda,
      "--device cuda: no usable GPU, or a build without CUDA (cmake --preset cuda makes one)");
  return cuda ? at::kCUDA : at::kCPU;
}

int run_command_line(const std::vector<Command>& commands, int argc, const char* const* argv) {
  CLI::App app(
      "Point clouds with transformer attention: label the parts of a scan or mesh, train, "
      "evaluate.",
      "pointattn");
  app.set_version_flag("--version", std::string("pointattn ") + kVersion);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  pointattn segment scan.pcd                    label the parts, write scan_parts.ply\n"
      "  pointattn segment chair.off -o out.ply --category Chair --json -\n"
      "  pointattn view scan_parts.ply --screenshot scan.png --html scan.html\n"
      "  pointattn segment --help                      every option of a command\n"
      "Exit codes: 0 success, 1 failure (one line on stderr), 2 a call that cannot be meant.");
  std::map<const CLI::App*, Run> runs;
  for (const Command& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    runs[sub] = command.setup(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report(app, error);
  }
  return runs.at(app.get_subcommands().front())();
}

void print_error(const std::string& message) {
  std::cerr << "pointattn: error: " << message << std::endl;
}

std::string message_of(const std::exception& error) {
  std::string text = error.what();
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&error))
    text = torch_error->what_without_backtrace();
  if (dynamic_cast<const std::bad_alloc*>(&error)) text = "out of memory";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
    text.replace(at, 1, "; ");
  return text;
}

void put_json(const std::string& target, const std::string& text) {
  if (target == "-") {
    std::cout << text << std::endl;
  } else {
    write_file(target, [&](std::ostream& out) { out << text << '\n'; });
  }
}

}  // namespace pointattn::apps
