// SPDX-License-Identifier: Apache-2.0
#include "pointattn/core/files.h"
#include "pointattn/view/color_table.h"
#include "pointattn/view/frames.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <gif_lib.h>

namespace pointattn::view {
namespace {

constexpr int64_t kLookedAt = 8;  // frames that choose the colours
constexpr size_t kColors = 255;   // and one that stands for "as before"
constexpr uint8_t kAsBefore = 255;

int append(GifFileType* file, const GifByteType* data, int length) {
  static_cast<std::string*>(file->UserData)
      ->append(reinterpret_cast<const char*>(data), static_cast<size_t>(length));
  return length;
}

/// A GIF file that grows in memory.
class Writer {
 public:
  explicit Writer(std::string& bytes) {
    int error = 0;
    file_ = EGifOpen(&bytes, append, &error);
    TORCH_CHECK(file_, "cannot write a GIF: ", GifErrorString(error));
    EGifSetGifVersion(file_, true);
  }
  ~Writer() { close(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void begin(int64_t height, int64_t width, const std::vector<Color>& colors) {
    std::array<GifColorType, 256> table{};
    for (size_t i = 0; i < colors.size(); ++i)
      table[i] = {colors[i][0], colors[i][1], colors[i][2]};
    ColorMapObject* map = GifMakeMapObject(256, table.data());
    const int done =
        EGifPutScreenDesc(file_, static_cast<int>(width), static_cast<int>(height), 8, 0, map);
    GifFreeMapObject(map);
    check(done);
    // Repeat for ever: Netscape's extension, which every viewer knows.
    constexpr unsigned char kForever[] = {1, 0, 0};
    check(EGifPutExtensionLeader(file_, APPLICATION_EXT_FUNC_CODE));
    check(EGifPutExtensionBlock(file_, 11, "NETSCAPE2.0"));
    check(EGifPutExtensionBlock(file_, 3, kForever));
    check(EGifPutExtensionTrailer(file_));
  }

  /// The rectangle of `pixels` [H,W] that differs from `before`; the whole of a first frame.
  void frame(const std::vector<uint8_t>& pixels,
             const std::vector<uint8_t>& before,
             int64_t width,
             int64_t hundredths) {
    const auto height = static_cast<int64_t>(pixels.size()) / width;
    int64_t top = before.empty() ? 0 : height;
    int64_t bottom = before.empty() ? height - 1 : -1;
    int64_t left = before.empty() ? 0 : width;
    int64_t right = before.empty() ? width - 1 : -1;
    for (size_t i = 0; i < before.size(); ++i) {
      if (pixels[i] == before[i]) continue;
      const int64_t y = static_cast<int64_t>(i) / width;
      const int64_t x = static_cast<int64_t>(i) % width;
      top = std::min(top, y);
      bottom = std::max(bottom, y);
      left = std::min(left, x);
      right = std::max(right, x);
    }
    // A frame that changes nothing still lasts its time.
    if (bottom < top) top = bottom = left = right = 0;
    GraphicsControlBlock control{DISPOSE_DO_NOT, false, static_cast<int>(hundredths), kAsBefore};
    GifByteType extension[4];
    EGifGCBToExtension(&control, extension);
    check(EGifPutExtension(file_, GRAPHICS_EXT_FUNC_CODE, sizeof extension, extension));
    const auto columns = static_cast<int>(right - left + 1);
    check(EGifPutImageDesc(file_,
                           static_cast<int>(left),
                           static_cast<int>(top),
                           columns,
                           static_cast<int>(bottom - top + 1),
                           false,
                           nullptr));
    std::vector<uint8_t> row(static_cast<size_t>(columns));
    for (int64_t y = top; y <= bottom; ++y) {
      for (int64_t x = left; x <= right; ++x) {
        const auto i = static_cast<size_t>(y * width + x);
        row[static_cast<size_t>(x - left)] =
            !before.empty() && pixels[i] == before[i] ? kAsBefore : pixels[i];
      }
      check(EGifPutLine(file_, row.data(), columns));
    }
  }

  void close() {
    if (!file_) return;
    int error = 0;
    EGifCloseFile(file_, &error);
    file_ = nullptr;
  }

 private:
  void check(int status) const {
    TORCH_CHECK(status == GIF_OK, "cannot write a GIF: ", GifErrorString(file_->Error));
  }

  GifFileType* file_ = nullptr;
};

}  // namespace

void write_gif(const std::filesystem::path& path, const Frames& frames) {
  ColorTable table;
  const int64_t step = std::max<int64_t>(1, frames.count / kLookedAt);
  for (int64_t frame = 0; frame < frames.count; frame += step) table.count(frames.draw(frame));
  table.choose(kColors);
  std::string bytes;
  Writer writer(bytes);
  std::vector<uint8_t> before;
  for (int64_t frame = 0; frame < frames.count; ++frame) {
    const at::Tensor image = frames.draw(frame).contiguous();
    if (frame == 0) writer.begin(image.size(0), image.size(1), table.colors());
    const uint8_t* rgba = image.const_data_ptr<uint8_t>();
    std::vector<uint8_t> pixels(static_cast<size_t>(image.numel() / 4));
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = table.nearest(rgba + 4 * i);
    writer.frame(pixels, before, image.size(1), frames.hundredths);
    before = std::move(pixels);
  }
  writer.close();
  write_file(path, [&](std::ostream& out) { out << bytes; });
}

}  // namespace pointattn::view
