// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/program.h"

#include "pointattn/core/files.h"
#include "pointattn/models/model_file.h"
#include "tests/support/data.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>

#include <algorithm>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace pointattn::test {
namespace fs = std::filesystem;
namespace {

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char letter : text) result += letter == '\'' ? "'\\''" : std::string(1, letter);
  return result + "'";
}

Call run(const std::string& before,
         const std::vector<std::string>& arguments,
         const std::string& tail) {
  const ScratchFolder scratch;
  std::string command = before + quoted(POINTATTN_PROGRAM_FILE);
  for (const std::string& argument : arguments) {
    command += ' ';
    command += quoted(argument);
  }
  // Redirections apply from left to right: the tail may send the output elsewhere.
  command += " >" + quoted(scratch / "out") + " 2>" + quoted(scratch / "err") + " " + tail;
  const int status = std::system(command.c_str());
  Call call{WIFEXITED(status) ? WEXITSTATUS(status) : -1, {}, {}};
  call.out = read_file(scratch / "out");
  call.err = read_file(scratch / "err");
  return call;
}

}  // namespace

Call pointattn(const std::vector<std::string>& arguments, const fs::path& folder) {
  return run(folder.empty() ? "" : "cd " + quoted(folder) + " && ", arguments, "");
}

Call pointattn_in_shell(const std::vector<std::string>& arguments, const std::string& tail) {
  return run("", arguments, tail);
}

std::optional<Call> pointattn_unprivileged(const std::vector<std::string>& arguments,
                                           const fs::path& folder) {
  if (::geteuid() != 0) return pointattn(arguments, folder);
  const std::string before =
      "cd " + quoted(folder) + " && setpriv --reuid=65534 --regid=65534 --clear-groups ";
  if (run(before, {"--version"}, "").code != 0) return std::nullopt;
  return run(before, arguments, "");
}

int64_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write_model(const fs::path& path) {
  at::manual_seed(5);
  models::Model model;
  model.spec.architecture = "spct";
  model.spec.task = models::Task::kSegment;
  model.spec.labels.categories = {
      {"Chair", 0, {{"leg", part_color(0)}, {"seat", part_color(1)}, {"back", part_color(2)}}},
      {"Mug", 3, {{"body", part_color(0)}, {"handle", part_color(1)}}}};
  model.card = {{"data", "none: random weights"}};
  model.network = models::make_network(model.spec);
  models::save_model(path, model);
}

io::Cloud box_cloud(int64_t points) {
  auto generator = at::detail::createCPUGenerator(3);
  const at::Tensor xyz = at::rand({points, 3}, generator) * at::tensor({1.0F, 1.0F, 2.0F});
  io::Cloud cloud;
  const char* names[] = {"x", "y", "z"};
  for (int64_t axis = 0; axis < 3; ++axis) cloud.set(names[axis], xyz.select(1, axis).contiguous());
  return cloud;
}

}  // namespace pointattn::test
