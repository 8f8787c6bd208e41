// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pvnet.h"

#include "pointattn/models/options.h"
#include "pointattn/nn/pooling.h"

#include <ATen/ATen.h>

namespace pointattn::models {
namespace {

using nn::Activation;
using nn::EdgeConv;
using nn::GatedFusion;
using nn::SharedMlp;

constexpr int64_t kView = 256;   // the vector of the views
constexpr int64_t kWide = 1024;  // features of a point before the pooling

/// Options come from model files too: a number that is not bounded would choose how much is
/// allocated.
void check_option(const char* name, int64_t value, int64_t most, int64_t step = 1) {
  TORCH_CHECK_VALUE(value >= step && value <= most && value % step == 0,
                    "pvnet: expected ",
                    name,
                    " of ",
                    step,
                    " to ",
                    most,
                    step > 1 ? " in steps of " + std::to_string(step) : "",
                    ", got ",
                    value);
}

}  // namespace

PvNet::PvNet(int64_t classes, const Options& options)
    : neighbors_(options.neighbors), ring_{options.views, options.view_size} {
  views_ = register_module("views", nn::ViewEncoder(kView, options.view_size));
  edge1_ = register_module("edge1", EdgeConv(3, 64));
  edge2_ = register_module("edge2", EdgeConv(64, 64));
  edge3_ = register_module("edge3", EdgeConv(64, 128));
  fusion1_ = register_module("fusion1", GatedFusion(128, kView));
  edge4_ = register_module("edge4", EdgeConv(128, 256));
  fusion2_ = register_module("fusion2", GatedFusion(256, kView));
  fuse_ = register_module("fuse", SharedMlp(512, kWide, /*bias=*/false, Activation::kLeakyReLU));
  head_ = register_module("head", ClassifierHead(classes, kWide + kView));
}

Scores PvNet::forward(const PointBatch& batch, const at::Tensor& /*category*/) {
  check_batch("PvNet", batch);
  const at::Tensor& offsets = batch.offsets;
  const auto graph = [&](const at::Tensor& feat) {
    return nn::feature_graph(feat, offsets, neighbors_);
  };
  const at::Tensor view = views_(ops::render_views(batch.xyz, offsets, ring_));  // [B,256]
  const at::Tensor x1 = edge1_(batch.xyz, graph(batch.xyz));                     // [N,64]
  const at::Tensor x2 = edge2_(x1, graph(x1));                                   // [N,64]
  const at::Tensor local = refine(edge3_(x2, graph(x2)), batch);                 // [N,128]
  const at::Tensor x3 = fusion1_(local, view, offsets);
  const at::Tensor x4 = fusion2_(edge4_(x3, graph(local)), view, offsets);  // [N,256]
  const at::Tensor wide = fuse_(at::cat({x1, x2, x3, x4}, 1));              // [N,1024]
  const at::Tensor fused = at::cat({nn::max_pool(wide, offsets), view}, 1);
  return {head_(fused), {}, fused};
}

std::shared_ptr<Network> make_pvnet(const ModelSpec& spec) {
  PvNet::Options options;
  OptionReader read("pvnet", spec.options);
  read("neighbors", options.neighbors);
  read("views", options.views);
  read("view_size", options.view_size);
  read.finish();
  check_option("neighbors", options.neighbors, 256);
  check_option("views", options.views, 64);
  check_option("view_size", options.view_size, 256, 16);
  return std::make_shared<PvNet>(spec.labels.num_categories(), options);
}

}  // namespace pointattn::models
