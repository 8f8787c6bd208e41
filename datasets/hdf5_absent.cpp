// SPDX-License-Identifier: Apache-2.0
// Stands in for hdf5_file.cpp in a build without the HDF5 library.
#include "datasets/hdf5_file.h"

#include <c10/util/Exception.h>

namespace pointattn::datasets {

Hdf5Shapes read_hdf5(const std::filesystem::path& path, int64_t /*points*/) {
  TORCH_CHECK(false,
              "cannot read ",
              path.string(),
              ": built without HDF5 (install libhdf5-dev and build again)");
}

}  // namespace pointattn::datasets
