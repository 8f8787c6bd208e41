// SPDX-License-Identifier: Apache-2.0
#include "tests/view/virtual_display.h"

#include "pointattn/core/files.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace pointattn::test {
namespace {

using Clock = std::chrono::steady_clock;

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

/// Calls `done` until it says yes; whether it did in time.
bool within(double seconds, const std::function<bool()>& done) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (!done()) {
    if (Clock::now() > end) return false;
    nap();
  }
  return true;
}

}  // namespace

std::string missing_display_packages() {
  const std::map<std::string, std::string> packages = {
      {"Xvfb", "xvfb"}, {"xdotool", "xdotool"}, {"import", "imagemagick"}};
  std::string missing;
  for (const auto& [program, package] : packages) {
    if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0)
      missing += (missing.empty() ? "" : " ") + package;
  }
  return missing;
}

Background::Background(const std::vector<std::string>& environment,
                       const std::vector<std::string>& command,
                       const std::filesystem::path& folder) {
  std::vector<std::string> words = {"env"};
  if (!folder.empty()) words.push_back("--chdir=" + folder.string());
  for (const std::string& variable : environment) {
    if (variable.back() == '=') {
      words.insert(words.begin() + 1, {"-u", variable.substr(0, variable.size() - 1)});
    } else {
      words.push_back(variable);
    }
  }
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string out = scratch_ / "out", err = scratch_ / "err";
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  if (posix_spawnp(&pid_, "env", &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_GT(pid_, 0) << "cannot start " << command.front();
}

Background::~Background() {
  if (!running()) return;
  ::kill(pid_, SIGTERM);
  if (wait(10) < 0 && running()) ::kill(pid_, SIGKILL);
}

std::string Background::out() const { return read_file(scratch_ / "out"); }
std::string Background::err() const { return read_file(scratch_ / "err"); }

bool Background::running() {
  if (pid_ <= 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == 0) return true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  pid_ = -1;
  return false;
}

int Background::wait(double seconds) {
  return within(seconds, [&] { return !running(); }) ? code_ : -1;
}

VirtualDisplay::VirtualDisplay(int width, int height) : width_(width), height_(height) {
  // The server takes the first free number and writes it down.
  server_ = std::make_unique<Background>(
      std::vector<std::string>{},
      std::vector<std::string>{"Xvfb",
                               "-displayfd",
                               "1",
                               "-screen",
                               "0",
                               std::to_string(width) + "x" + std::to_string(height) + "x24",
                               "-nolisten",
                               "tcp",
                               // Else it starts over when a client leaves and no other is there,
                               // and turns away who comes meanwhile.
                               "-noreset"});
  EXPECT_TRUE(within(30, [&] { return server_->out().ends_with("\n"); })) << server_->err();
  const std::string number = server_->out();
  name_.push_back(':');
  name_.append(number, 0, number.find('\n'));
}

at::Tensor VirtualDisplay::picture() const {
  const std::string file = scratch_ / "screen.rgb";
  const std::string call =
      "import -display " + name_ + " -window root -depth 8 rgb:'" + file + "' 2>&1";
  EXPECT_EQ(std::system(call.c_str()), 0);
  std::string bytes = read_file(file);
  EXPECT_EQ(bytes.size(), static_cast<size_t>(width_) * static_cast<size_t>(height_) * 3);
  return at::from_blob(bytes.data(), {height_, width_, 3}, at::kByte).clone();
}

at::Tensor VirtualDisplay::picture_when(const std::function<bool(const at::Tensor&)>& wanted,
                                        double seconds) const {
  at::Tensor last = picture();
  const bool settled = within(seconds, [&] {
    const at::Tensor now = picture();
    const bool still = now.equal(last);
    last = now;
    return still && wanted(now);
  });
  EXPECT_TRUE(settled) << "the window does not show what it should";
  return last;
}

void VirtualDisplay::move_pointer(int64_t x, int64_t y) const {
  xdotool("mousemove " + std::to_string(x) + " " + std::to_string(y));
}

void VirtualDisplay::xdotool(const std::string& arguments) const {
  EXPECT_EQ(std::system(("DISPLAY=" + name_ + " xdotool " + arguments).c_str()), 0) << arguments;
}

}  // namespace pointattn::test
