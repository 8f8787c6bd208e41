// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

/// The program `pointattn`. A command is one source with a function that declares its options on a
/// CLI::App and returns what to run, and one line in commands() (main.cpp).
namespace pointattn::apps {

/// Runs a command whose options are parsed; returns the exit code.
using Run = std::function<int()>;

struct Command {
  const char* name;
  const char* help;  ///< one line
  Run (*setup)(CLI::App& app);
};

/// A call that cannot be meant: exit code 2. Everything else that is thrown is exit code 1.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A command under another, such as `train segment`.
struct Subcommand {
  CLI::App* app;
  Run run;
};

/// Flags that the computing commands share.
struct Shared {
  int threads = 0;
  uint64_t seed = 0;
  bool quiet = false;
  std::string device = "auto";
};

/// `with_device` false: a command that computes on the CPU only.
void add_shared(CLI::App& app, Shared& shared, bool with_device = true);

/// Applies threads and seed and returns the device; throws c10::ValueError when CUDA is asked for
/// and absent.
at::Device start(const Shared& shared);

/// Splits the command line, runs the command and returns its exit code. Prints usage errors itself;
/// lets the commands' exceptions through.
int run_command_line(const std::vector<Command>& commands, int argc, const char* const* argv);

/// One line on stderr: "pointattn: error: …".
void print_error(const std::string& message);

/// The message of an exception as one line, without LibTorch's backtrace.
std::string message_of(const std::exception& error);

/// Prints a JSON document on stdout when `target` is "-", else writes it to that file.
void put_json(const std::string& target, const std::string& text);

Subcommand add_eval_retrieval(CLI::App& parent);
Subcommand add_eval_text(CLI::App& parent);
Subcommand add_train_retrieval(CLI::App& parent);
Subcommand add_train_text(CLI::App& parent);

Run setup_embed(CLI::App& app);
Run setup_eval(CLI::App& app);
Run setup_generate(CLI::App& app);
Run setup_models(CLI::App& app);
Run setup_search(CLI::App& app);
Run setup_segment(CLI::App& app);
Run setup_train(CLI::App& app);
Run setup_view(CLI::App& app);

}  // namespace pointattn::apps
