// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <csignal>
#include <cstdio>
#include <iostream>
#include <poll.h>
#include <unistd.h>

namespace {

using pointattn::apps::Command;

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"segment", "Label the parts of point clouds and meshes", pointattn::apps::setup_segment},
      {"view", "See clouds and labels: a window, pictures, a page", pointattn::apps::setup_view},
      {"embed", "Build a gallery of shapes that can be searched", pointattn::apps::setup_embed},
      {"search", "Find shapes by words, or by a shape", pointattn::apps::setup_search},
      {"train", "Train a network", pointattn::apps::setup_train},
      {"eval", "Measure a model on labelled data", pointattn::apps::setup_eval},
      {"generate",
       "Make labelled objects by rule: samples and training data",
       pointattn::apps::setup_generate},
      {"models",
       "List the networks, show, import and export model files",
       pointattn::apps::setup_models},
  };
  return all;
}

/// A reader that went away (`pointattn … | head`) is no failure, a full disk is.
bool output_failed() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && !std::ferror(stdout)) return false;
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  const bool reader_gone = ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
  return !reader_gone;
}

/// Networks free and take tensors of many megabytes at every layer. By default glibc gives such
/// memory back at once, and the kernel clears each page anew: a tenth of a training step.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  // Writing to a closed pipe then fails like any other write instead of ending the program in the
  // middle of a file.
  std::signal(SIGPIPE, SIG_IGN);
  keep_freed_memory();
  int code = 1;
  try {
    code = pointattn::apps::run_command_line(commands(), argc, argv);
  } catch (const pointattn::apps::UsageError& error) {
    pointattn::apps::print_error(error.what());
    return 2;
  } catch (const std::exception& error) {
    pointattn::apps::print_error(pointattn::apps::message_of(error));
    return 1;
  }
  if (output_failed()) {
    pointattn::apps::print_error("cannot write to the standard output");
    return 1;
  }
  return code;
}
