// SPDX-License-Identifier: Apache-2.0
// pointattn_forward MODEL INPUT OUTPUT: runs a model on the tensors "xyz" [N,3], "offsets" [B+1] and
// "category" [B] of a safetensors file and writes its "scores", and its "frozen" ones, to another.
#include "pointattn/models/model_file.h"
#include "pointattn/models/safetensors.h"

#include <ATen/ATen.h>

#include <iostream>

int main(int argc, char** argv) {
  using namespace pointattn;
  if (argc != 4) {
    std::cerr << "usage: pointattn_forward MODEL INPUT OUTPUT\n";
    return 2;
  }
  try {
    const at::NoGradGuard no_grad;
    const models::Model model = models::load_model(argv[1]);
    const std::map<std::string, at::Tensor> input = models::read_safetensors(argv[2]).tensors;
    const PointBatch batch{input.at("xyz"), {}, input.at("offsets")};
    const auto scores = [&] { return model.network->forward(batch, input.at("category")).scores; };
    models::SafeTensors output;
    output.tensors["scores"] = scores();
    models::freeze(*model.network);
    output.tensors["frozen"] = scores();
    models::write_safetensors(argv[3], output);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
