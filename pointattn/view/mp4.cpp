// SPDX-License-Identifier: Apache-2.0
// The frames go raw to the program ffmpeg, which knows the format.
#include "pointattn/core/files.h"
#include "pointattn/view/frames.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace pointattn::view {
namespace {

/// ffmpeg at work: what is sent becomes its input, what it complains about is kept.
class Encoder {
 public:
  Encoder(const std::filesystem::path& path, int64_t height, int64_t width, int64_t hundredths) {
    // A socket in place of a pipe: writing to one that is closed need not end the program.
    std::array<int, 2> input{};
    std::array<int, 2> errors{};
    TORCH_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input.data()) == 0 &&
                    ::pipe2(errors.data(), O_CLOEXEC) == 0,
                "cannot start ffmpeg: ",
                std::strerror(errno));
    const std::string size = std::to_string(width) + "x" + std::to_string(height);
    const std::string rate = "100/" + std::to_string(hundredths);
    // Players want even sides and 4:2:0; a path may begin with a minus.
    const std::string target = std::filesystem::absolute(path).string();
    const char* arguments[] = {"ffmpeg",
                               "-nostdin",
                               "-v",
                               "error",
                               "-y",
                               "-f",
                               "rawvideo",
                               "-pix_fmt",
                               "rgba",
                               "-s",
                               size.c_str(),
                               "-r",
                               rate.c_str(),
                               "-i",
                               "pipe:0",
                               "-vf",
                               "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white",
                               "-c:v",
                               "libx264",
                               "-crf",
                               "18",
                               "-pix_fmt",
                               "yuv420p",
                               "-movflags",
                               "+faststart",
                               target.c_str(),
                               nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const int failed = ::posix_spawnp(
        &process_, "ffmpeg", &actions, nullptr, const_cast<char* const*>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(input[1]);
    ::close(errors[1]);
    input_ = input[0];
    errors_ = errors[0];
    if (failed != 0) {
      process_ = -1;
      close_all();
      TORCH_CHECK(
          false,
          "a film as .mp4 needs the program ffmpeg on PATH (Debian package ffmpeg); .gif does not");
    }
  }
  ~Encoder() {
    close_all();
    if (process_ > 0) {
      ::kill(process_, SIGTERM);
      ::waitpid(process_, nullptr, 0);
    }
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// false when ffmpeg has stopped listening.
  bool send(const at::Tensor& image) const {
    const at::Tensor pixels = image.contiguous();
    const uint8_t* data = pixels.const_data_ptr<uint8_t>();
    auto left = static_cast<size_t>(pixels.numel());
    while (left > 0) {
      const ssize_t sent = ::send(input_, data, left, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      data += sent;
      left -= static_cast<size_t>(sent);
    }
    return true;
  }

  void finish() {
    ::close(input_);
    input_ = -1;
    std::string complaint;
    char text[512];
    for (ssize_t got = 0; (got = ::read(errors_, text, sizeof text)) > 0;)
      if (complaint.size() < 400) complaint.append(text, static_cast<size_t>(got));
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    TORCH_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                "ffmpeg could not write the film: ",
                complaint);
  }

 private:
  void close_all() {
    for (int* file : {&input_, &errors_}) {
      if (*file >= 0) ::close(*file);
      *file = -1;
    }
  }

  pid_t process_ = -1;
  int input_ = -1;
  int errors_ = -1;
};

}  // namespace

void write_mp4(const std::filesystem::path& path, const Frames& frames) {
  write_file_by_path(path, [&](const std::filesystem::path& neighbour) {
    const at::Tensor first = frames.draw(0);
    Encoder encoder(neighbour, first.size(0), first.size(1), frames.hundredths);
    bool listening = encoder.send(first);
    for (int64_t frame = 1; listening && frame < frames.count; ++frame)
      listening = encoder.send(frames.draw(frame));
    encoder.finish();
  });
}

}  // namespace pointattn::view
