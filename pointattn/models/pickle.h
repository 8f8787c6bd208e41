// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pointattn::models {

/// A value of a pickle. Values belong to their machine and may refer to each other in circles.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kText,
    kTuple,
    kList,
    kDict,
    kGlobal,   ///< a name that the machine knows
    kStorage,  ///< the numbers behind tensors
    kTensor
  };
  Kind kind = Kind::kNone;
  int64_t integer = 0;              ///< of kBool and kInt
  double real = 0;                  ///< of kFloat
  std::string text;                 ///< of kText; "module.name" of kGlobal
  std::vector<PickleValue*> items;  ///< of kTuple and kList; key, value, key, value … of kDict
  at::Tensor tensor;                ///< of kTensor; one-dimensional, of its dtype, of kStorage
};

/// Reads what torch.save writes with Python's pickle, as far as plain tensors need it: numbers,
/// texts, tuples, lists, dictionaries, and tensors as views of storages. Nothing of the pickle is
/// executed: a name is one of a fixed list (collections.OrderedDict, torch._utils._rebuild_tensor,
/// _rebuild_tensor_v2, _rebuild_parameter, torch.FloatStorage and its like) or the pickle is refused
/// with that name. Everything wrong throws c10::ValueError, one line. Memory: a constant an opcode,
/// at most kMaxValues values; tensors share the memory of their storage.
class PickleMachine {
 public:
  /// Gives the storage with a key: `numel` numbers of a type.
  using Storages =
      std::function<at::Tensor(const std::string& key, at::ScalarType type, int64_t numel)>;

  static constexpr size_t kMaxValues = size_t{1} << 20;

  /// `bytes` must outlive the machine.
  PickleMachine(std::string_view bytes, Storages storages);

  /// Reads one pickle from where the last one ended.
  const PickleValue& load();
  /// Bytes behind the last pickle begin here.
  size_t position() const { return at_; }

 private:
  bool scalar(uint8_t op);
  bool text(uint8_t op);
  bool container(uint8_t op);
  bool fill(uint8_t op);
  bool memory(uint8_t op);
  bool object(uint8_t op);

  std::string_view take(uint64_t size);
  std::string_view line();
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  int64_t long_number();

  PickleValue* make(PickleValue::Kind kind);
  PickleValue* push(PickleValue::Kind kind);
  PickleValue* pop();
  PickleValue* top(PickleValue::Kind kind, const char* what);
  std::vector<PickleValue*> pop_to_mark();
  void push_text(uint64_t size);
  void push_tuple(std::vector<PickleValue*> items);
  void global(const std::string& name);
  void reduce();
  void persistent();

  std::string_view bytes_;
  Storages storages_;
  size_t at_ = 0;
  std::deque<PickleValue> values_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleValue*> memo_;
};

/// `text` in one printable line of at most 80 characters, for messages about what a file says.
std::string one_line(std::string_view text);

}  // namespace pointattn::models
