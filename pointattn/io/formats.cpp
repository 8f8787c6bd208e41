// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/formats.h"

#include "pointattn/core/files.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>

namespace pointattn::io {
namespace fs = std::filesystem;
namespace {

const std::vector<Format>& formats() {
  static const std::vector<Format> table = {
      pcd_format(),
      ply_format(),
      text_format(),
      off_format(),
      obj_format(),
      stl_format(),
  };
  return table;
}

std::string extension_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return extension;
}

const Format* by_extension(const fs::path& path) {
  const std::string extension = extension_of(path);
  for (const Format& format : formats()) {
    if (std::count(format.extensions.begin(), format.extensions.end(), extension)) return &format;
  }
  return nullptr;
}

std::string known(bool to_write) {
  std::string names;
  for (const Format& format : formats()) {
    if (to_write && !format.write) continue;
    for (const std::string_view extension : format.extensions) {
      if (!names.empty()) names += ' ';
      names += extension;
    }
  }
  return names;
}

}  // namespace

bool is_cloud_file(const fs::path& path) { return by_extension(path) != nullptr; }

Cloud read_cloud(const fs::path& path) {
  const Input input(path);
  const Format* format = by_extension(path);
  for (const Format& candidate : formats()) {
    if (candidate.recognises && candidate.recognises(input.bytes())) format = &candidate;
  }
  if (!format) {
    input.fail(
        "unknown format: expected one of ", known(false), ", got '", extension_of(path), "'");
  }
  return format->read(input);
}

void write_cloud(const fs::path& path, const Cloud& cloud, Encoding encoding) {
  const Format* format = by_extension(path);
  TORCH_CHECK(format && format->write,
              "cannot write ",
              path.string(),
              ": expected one of ",
              known(true),
              ", got '",
              extension_of(path),
              "'");
  write_file(path, [&](std::ostream& out) { format->write(out, cloud, encoding); });
}

}  // namespace pointattn::io
