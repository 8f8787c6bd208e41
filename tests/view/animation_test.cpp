// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/animation.h"

#include "pointattn/core/files.h"
#include "tests/support/data.h"
#include "tests/view/clouds.h"
#include "tests/view/images.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <gif_lib.h>
#include <string>

namespace pointattn::view {
namespace {

Scene wall() { return make_scene(test::striped_wall(3000, {1, 2, 1}, {"a", "b", "c"}), "wall"); }

struct Film {
  std::vector<at::Tensor> frames;  ///< as they are seen, [H,W,3]
  std::vector<int> hundredths;
  bool forever = false;
};

/// Plays a GIF: each image is laid over what was there, but for its transparent pixels.
Film play(const std::filesystem::path& path) {
  int error = 0;
  GifFileType* file = DGifOpenFileName(path.c_str(), &error);
  TORCH_CHECK(file && DGifSlurp(file) == GIF_OK, path.string(), " is no GIF");
  Film film;
  at::Tensor screen = at::full({file->SHeight, file->SWidth, 3}, 7, at::kByte);
  for (int i = 0; i < file->ImageCount; ++i) {
    const SavedImage& image = file->SavedImages[i];
    GraphicsControlBlock control{};
    DGifSavedExtensionToGCB(file, i, &control);
    uint8_t* out = screen.mutable_data_ptr<uint8_t>();
    for (int y = 0; y < image.ImageDesc.Height; ++y) {
      for (int x = 0; x < image.ImageDesc.Width; ++x) {
        const int index = image.RasterBits[y * image.ImageDesc.Width + x];
        if (index == control.TransparentColor) continue;
        const GifColorType& color = file->SColorMap->Colors[index];
        uint8_t* pixel =
            out + 3 * ((image.ImageDesc.Top + y) * file->SWidth + image.ImageDesc.Left + x);
        pixel[0] = color.Red;
        pixel[1] = color.Green;
        pixel[2] = color.Blue;
      }
    }
    film.frames.push_back(screen.clone());
    film.hundredths.push_back(control.DelayTime);
    for (int e = 0; e < image.ExtensionBlockCount; ++e) {
      const ExtensionBlock& block = image.ExtensionBlocks[e];
      const std::string text(reinterpret_cast<const char*>(block.Bytes),
                             static_cast<size_t>(block.ByteCount));
      film.forever |= block.Function == APPLICATION_EXT_FUNC_CODE && text == "NETSCAPE2.0";
    }
  }
  DGifCloseFile(file, &error);
  return film;
}

TEST(Turntable, GifShowsTheFramesOnceAround) {
  const test::ScratchFolder folder;
  const Scene scene = wall();
  const TurntableOptions options{{"", 240, 180}, 9, 5};
  const Camera camera = fit(scene, panel_aspect(scene, options.picture), 20, 20, true);
  write_turntable(folder / "t.gif", scene, camera, options);
  const Film film = play(folder / "t.gif");
  ASSERT_EQ(film.frames.size(), 9U);
  EXPECT_TRUE(film.forever);
  const std::vector<Camera> cameras = ring(camera, 9);
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(film.hundredths[i], 5);
    const at::Tensor drawn = test::on_white(draw_picture(scene, {cameras[i]}, options.picture));
    const at::Tensor off = (film.frames[i].to(at::kFloat) - drawn.to(at::kFloat)).abs();
    EXPECT_LT(off.mean().item<float>(), 1.5F) << "256 colours are enough, frame " << i;
    const at::Tensor paper = drawn.eq(255).all(2);
    EXPECT_TRUE(film.frames[i].eq(255).all(2).masked_select(paper).all().item<bool>())
        << "white stays white";
  }
  EXPECT_GT(
      (film.frames[0].to(at::kFloat) - film.frames[3].to(at::kFloat)).abs().mean().item<float>(), 5)
      << "it turns";
}

TEST(Turntable, WhatCannotBeIsRefusedAndLeavesNothing) {
  const test::ScratchFolder folder;
  const Scene scene = wall();
  const Camera camera = fit(scene, 1);
  EXPECT_THROW(write_turntable(folder / "t.png", scene, camera), c10::ValueError);
  EXPECT_THROW(write_turntable(folder / "t.gif", scene, camera, {{}, 0}), c10::ValueError);
  EXPECT_THROW(write_turntable(folder / "no" / "t.gif", scene, camera, {{"", 100, 100}, 2}),
               c10::Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Turntable, Mp4WithoutFfmpegNamesTheCure) {
  const test::ScratchFolder folder;
  const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
  ASSERT_EQ(::setenv("PATH", folder.path().c_str(), 1), 0);
  std::string message;
  try {
    write_turntable(folder / "t.mp4", wall(), Camera{}, {{"", 100, 100}, 2});
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(message.starts_with("a film as .mp4 needs the program ffmpeg")) << message;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Turntable, Mp4HasItsFrames) {
  if (std::system("command -v ffprobe ffmpeg >/dev/null") != 0)
    GTEST_SKIP() << "ffmpeg not found: install the Debian package ffmpeg";
  const test::ScratchFolder folder;
  const Scene scene = wall();
  write_turntable(folder / "t.mp4", scene, fit(scene, 1, 35, 20, true), {{"", 101, 99}, 7});
  const std::string command =
      "ffprobe -v error -count_frames -show_entries stream=width,height,nb_read_frames -of csv=p=0 "
      "'" +
      (folder / "t.mp4").string() + "' >'" + (folder / "out").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_file(folder / "out"), "102,100,7\n") << "even sides";
}

}  // namespace
}  // namespace pointattn::view
