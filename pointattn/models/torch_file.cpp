// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/torch_file.h"

#include "pointattn/core/files.h"
#include "pointattn/models/module_tensors.h"
#include "pointattn/models/torch_formats.h"

#include <ATen/ATen.h>

#include <fstream>

namespace pointattn::models {
namespace fs = std::filesystem;
namespace {

using Kind = PickleValue::Kind;

std::string first_bytes(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kTorchOld.size(), '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes;
}

bool by_torch(std::string_view first) {
  return first.starts_with(kTorchArchive) || first.starts_with(kTorchOld);
}

bool is_state_dict(const PickleValue& value) {
  if (value.kind != Kind::kDict) return false;
  for (size_t i = 0; i < value.items.size(); i += 2) {
    if (value.items[i]->kind != Kind::kText || value.items[i + 1]->kind != Kind::kTensor)
      return false;
  }
  return true;
}

bool is_usual(const PickleValue& key) {
  return key.kind == Kind::kText &&
         (key.text == "state_dict" || key.text == "model_state_dict" || key.text == "model");
}

const PickleValue& find_state_dict(const PickleValue& file) {
  TORCH_CHECK_VALUE(file.kind == Kind::kDict, "expected a state dictionary, got something else");
  if (is_state_dict(file)) return file;
  std::string other;
  for (size_t i = 0; i < file.items.size(); i += 2) {
    const PickleValue& key = *file.items[i];
    const PickleValue& value = *file.items[i + 1];
    if (is_usual(key) && is_state_dict(value)) return value;
    if (other.empty() && value.kind != Kind::kTensor) {
      other = key.kind == Kind::kText ? one_line(key.text) : "without a name";
    }
  }
  TORCH_CHECK_VALUE(false,
                    "expected a dictionary of tensors, alone or under state_dict, "
                    "model_state_dict or model; the entry ",
                    other,
                    " is none");
}

}  // namespace

StateDict tensors_in(const PickleValue& file) {
  const PickleValue& dict = find_state_dict(file);
  StateDict tensors;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    tensors[dict.items[i]->text] = dict.items[i + 1]->tensor;
  }
  return tensors;
}

at::Tensor TorchStorages::make(const std::string& key, at::ScalarType type, int64_t numel) {
  uint64_t bytes = 0;
  const bool fits =
      !__builtin_mul_overflow(static_cast<uint64_t>(numel), c10::elementSize(type), &bytes) &&
      bytes <= left_;
  TORCH_CHECK_VALUE(fits,
                    "storage ",
                    one_line(key),
                    " asks for ",
                    numel,
                    " numbers, the file has ",
                    left_,
                    " bytes left");
  left_ -= bytes;
  return loaded_[key] = at::zeros({numel}, type);
}

at::Tensor TorchStorages::checked(const std::string& key,
                                  const at::Tensor& numbers,
                                  at::ScalarType type,
                                  int64_t numel) {
  TORCH_CHECK_VALUE(numbers.scalar_type() == type && numbers.numel() == numel,
                    "storage ",
                    one_line(key),
                    " is of two types or two lengths");
  return numbers;
}

at::Tensor TorchStorages::extract(const std::string& key) {
  const auto node = loaded_.extract(key);
  return node ? node.mapped() : at::Tensor();
}

StateDict read_torch_file(const fs::path& path) {
  const std::string bytes = read_file(path);
  TORCH_CHECK(by_torch(bytes), path.string(), ": expected a file of torch.save, got another");
  StateDict tensors;
  read_metadata(path, [&] {
    tensors = bytes.starts_with(kTorchArchive) ? read_torch_archive(bytes) : read_torch_old(bytes);
  });
  return tensors;
}

StateDict read_state_dict(const fs::path& path) {
  // Its first bytes are read twice.
  std::error_code unknown;
  const fs::file_type type = fs::status(path, unknown).type();
  TORCH_CHECK(type != fs::file_type::fifo && type != fs::file_type::character,
              path.string(),
              ": expected a file, got a pipe or a device");
  return by_torch(first_bytes(path)) ? read_torch_file(path) : read_safetensors(path).tensors;
}

}  // namespace pointattn::models
