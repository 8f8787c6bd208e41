// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/torch_formats.h"

#include <ATen/ATen.h>

#include <cstring>

namespace pointattn::models {
namespace {

constexpr int64_t kVersion = 1001;

/// Copies the storages from `bytes` in the order of `keys`.
void fill_storages(const PickleValue& keys, std::string_view bytes, TorchStorages& storages) {
  TORCH_CHECK_VALUE(keys.kind == PickleValue::Kind::kList, "expected the list of storages");
  for (const PickleValue* key : keys.items) {
    const at::Tensor numbers = storages.extract(key->text);
    TORCH_CHECK_VALUE(
        numbers.defined(), "storage ", one_line(key->text), " is listed and not used");
    int64_t numel = -1;
    const bool counted = bytes.size() >= sizeof numel;
    if (counted) std::memcpy(&numel, bytes.data(), sizeof numel);
    TORCH_CHECK_VALUE(
        counted && numel == numbers.numel() && numbers.nbytes() <= bytes.size() - sizeof numel,
        "storage ",
        one_line(key->text),
        " is cut or not as long as expected");
    bytes.remove_prefix(sizeof numel);
    if (numel > 0) std::memcpy(numbers.mutable_data_ptr(), bytes.data(), numbers.nbytes());
    bytes.remove_prefix(numbers.nbytes());
  }
  TORCH_CHECK_VALUE(storages.empty(), "the file ends before its last storage");
}

}  // namespace

StateDict read_torch_old(std::string_view bytes) {
  TorchStorages storages(bytes.size());
  const auto storage = [&](const std::string& key, at::ScalarType type, int64_t numel) {
    return storages.get(key, type, numel, [](const at::Tensor&) {});
  };
  bytes.remove_prefix(kTorchOld.size());
  PickleMachine machine(bytes.substr(0, kMaxPickle), storage);
  const PickleValue& version = machine.load();
  TORCH_CHECK_VALUE(version.kind == PickleValue::Kind::kInt && version.integer == kVersion,
                    "expected version ",
                    kVersion,
                    " of the format before PyTorch 1.6, got another");
  (void)machine.load();
  StateDict tensors = tensors_in(machine.load());
  const PickleValue& keys = machine.load();
  fill_storages(keys, bytes.substr(machine.position()), storages);
  return tensors;
}

}  // namespace pointattn::models
