// SPDX-License-Identifier: Apache-2.0
#include "pointattn/view/open3d_overlay.h"

#include <ATen/ATen.h>

#include <cstring>

namespace pointattn::view {
namespace o3d = open3d::visualization;

void Overlay::set(const at::Tensor& image) {
  image_.reset();
  if (!image.defined() || image.numel() == 0) return;
  const at::Tensor alpha = image.slice(2, 3).to(at::kFloat) / 255;
  const at::Tensor flat = at::lerp(at::full({}, 255.0F), image.slice(2, 0, 3).to(at::kFloat), alpha)
                              .round()
                              .to(at::kByte)
                              .contiguous();
  image_ = std::make_shared<open3d::geometry::Image>();
  image_->Prepare(static_cast<int>(flat.size(1)), static_cast<int>(flat.size(0)), 3, 1);
  std::memcpy(image_->data_.data(), flat.const_data_ptr(), image_->data_.size());
  renderer_.AddGeometry(image_);
}

void Overlay::draw(int left, int bottom, const o3d::ViewControl& control) {
  if (!image_) return;
  // Over the whole of a viewport that is exactly as large as the image.
  o3d::RenderOption option;
  option.image_stretch_option_ = o3d::RenderOption::ImageStretchOption::StretchWithWindow;
  glViewport(left, bottom, width(), height());
  renderer_.Render(option, control);
}

}  // namespace pointattn::view
