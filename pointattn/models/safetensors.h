// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace pointattn::models {

/// Contents of a safetensors file: named tensors and a flat text-to-text table.
struct SafeTensors {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a file in the safetensors format (8-byte little-endian header length, JSON header, raw
/// little-endian data). Nothing in the file is executed. Types F64 F32 F16 BF16 I64 I32 I16 I8 U8
/// BOOL; the tensors are copies on the CPU. Throws c10::Error with the path for a file that is
/// missing, cut, not of this format, or whose header lies (overlapping, uncovered or oversized
/// ranges, shape and size that disagree).
SafeTensors read_safetensors(const std::filesystem::path& path);

/// Writes one, whole or not at all; tensors in the order of their names, header padded to 8 bytes.
void write_safetensors(const std::filesystem::path& path, const SafeTensors& contents);

}  // namespace pointattn::models
