// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/pickle.h"

/// The part of PickleMachine that knows PyTorch's names. Everything throws c10::ValueError.
namespace pointattn::models {

inline constexpr const char* kOrderedDict = "collections.OrderedDict";

/// Whether a pickle may name this.
bool is_known_global(const std::string& name);

/// What torch._utils._rebuild_tensor(_v2) or _rebuild_parameter gives for these arguments. A tensor
/// must lie inside its storage and hold no more numbers than that (no expanded ones).
at::Tensor rebuild(const std::string& function, const std::vector<PickleValue*>& arguments);

/// ("storage", type, key, place, numbers), and a sixth entry None in old files.
struct StorageId {
  std::string key;
  at::ScalarType type = at::kFloat;
  int64_t numel = 0;
};
StorageId storage_id(const PickleValue& value);

}  // namespace pointattn::models
