// SPDX-License-Identifier: Apache-2.0
#include "pointattn/ops/attention_cuda_tiles.h"

#include "cuda/attention_tiles.h"

#include <ATen/Functions.h>

#include <algorithm>

namespace pointattn::ops {

CudaTiles cuda_tiles(const std::vector<int64_t>& rows,
                     const std::vector<int64_t>& columns,
                     int64_t side,
                     const at::Tensor& like) {
  std::vector<int64_t> tiles;
  int64_t most_columns = 0;
  for (size_t b = 0; b + 1 < rows.size(); ++b) {
    for (int64_t row = rows[b]; row < rows[b + 1]; row += side) {
      const int64_t end = std::min(row + side, rows[b + 1]);
      most_columns = std::max(most_columns, columns[b + 1] - columns[b]);
      tiles.insert(tiles.end(), {row, end, columns[b], columns[b + 1]});
    }
  }
  const auto count = static_cast<int64_t>(tiles.size()) / cuda::kTileNumbers;
  return {at::from_blob(tiles.data(), {count, cuda::kTileNumbers}, at::kLong)
              .to(like.device(), false, true),
          most_columns};
}

void* CudaScratch::operator()(std::size_t bytes) {
  taken_.push_back(at::empty({static_cast<int64_t>(bytes)},
                             at::TensorOptions().dtype(at::kByte).device(device_)));
  return taken_.back().mutable_data_ptr();
}

}  // namespace pointattn::ops
