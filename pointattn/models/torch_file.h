// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace pointattn::models {

/// Tensors of a state dictionary by name.
using StateDict = std::map<std::string, at::Tensor>;

/// Reads a state dictionary that PyTorch's torch.save wrote: the zip format of PyTorch 1.6 and
/// later, or the one before it. The dictionary of tensors may be the whole file or stand in it under
/// "state_dict", "model_state_dict" or "model", beside numbers and texts. Nothing in the file is
/// executed (PickleMachine). The tensors lie on the CPU and may share memory where they did in the
/// file. Throws c10::Error with the path, one line, for a file that is cut, asks for more memory
/// than it has bytes, or holds anything but plain tensors.
StateDict read_torch_file(const std::filesystem::path& path);

/// The same for a file that is either safetensors or torch.save's, told apart by its first bytes; no
/// pipe.
StateDict read_state_dict(const std::filesystem::path& path);

}  // namespace pointattn::models
