// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pickle.h"

#include "pointattn/models/pickle_tensor.h"

#include <c10/util/Exception.h>

namespace pointattn::models {
namespace {

using Kind = PickleValue::Kind;

constexpr int kNewestProtocol = 5;

}  // namespace

std::string one_line(std::string_view text) {
  std::string line;
  for (const char letter : text.substr(0, 80)) {
    line += letter >= ' ' && letter <= '~' ? letter : '?';
  }
  return text.size() > 80 ? line + "..." : line;
}

PickleMachine::PickleMachine(std::string_view bytes, Storages storages)
    : bytes_(bytes), storages_(std::move(storages)) {}

std::string_view PickleMachine::take(uint64_t size) {
  TORCH_CHECK_VALUE(size <= bytes_.size() - at_, "the pickle ends in the middle");
  const std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

/// Up to the next line break, which is taken along.
std::string_view PickleMachine::line() {
  const size_t end = bytes_.find('\n', at_);
  TORCH_CHECK_VALUE(end != std::string_view::npos, "the pickle ends in the middle");
  const std::string_view taken = take(end - at_);
  ++at_;
  return taken;
}

PickleValue* PickleMachine::make(Kind kind) {
  TORCH_CHECK_VALUE(values_.size() < kMaxValues,
                    "the pickle has more than ",
                    kMaxValues,
                    " values, no state dictionary has");
  values_.emplace_back();
  values_.back().kind = kind;
  return &values_.back();
}

PickleValue* PickleMachine::push(Kind kind) {
  stack_.push_back(make(kind));
  return stack_.back();
}

PickleValue* PickleMachine::pop() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  TORCH_CHECK_VALUE(stack_.size() > floor, "the pickle takes a value where there is none");
  PickleValue* value = stack_.back();
  stack_.pop_back();
  return value;
}

PickleValue* PickleMachine::top(Kind kind, const char* what) {
  TORCH_CHECK_VALUE(!stack_.empty() && stack_.back()->kind == kind,
                    "the pickle fills something that is no ",
                    what);
  return stack_.back();
}

std::vector<PickleValue*> PickleMachine::pop_to_mark() {
  TORCH_CHECK_VALUE(!marks_.empty(), "the pickle closes what it never opened");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleValue*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::push_text(uint64_t size) { push(Kind::kText)->text = take(size); }

void PickleMachine::push_tuple(std::vector<PickleValue*> items) {
  push(Kind::kTuple)->items = std::move(items);
}

void PickleMachine::global(const std::string& name) {
  TORCH_CHECK_VALUE(is_known_global(name),
                    "the pickle asks for ",
                    one_line(name),
                    "; only plain tensors are read, nothing is executed");
  push(Kind::kGlobal)->text = name;
}

void PickleMachine::reduce() {
  const PickleValue* arguments = pop();
  const PickleValue* called = pop();
  TORCH_CHECK_VALUE(called->kind == Kind::kGlobal && arguments->kind == Kind::kTuple,
                    "the pickle calls something that is no function");
  if (called->text == kOrderedDict) {
    TORCH_CHECK_VALUE(arguments->items.empty(), "the pickle makes a dictionary from arguments");
    push(Kind::kDict);
    return;
  }
  const at::Tensor tensor = rebuild(called->text, arguments->items);
  push(Kind::kTensor)->tensor = tensor;
}

void PickleMachine::persistent() {
  const PickleValue* id = pop();
  const StorageId storage = storage_id(*id);
  const at::Tensor numbers = storages_(storage.key, storage.type, storage.numel);
  push(Kind::kStorage)->tensor = numbers;
}

const PickleValue& PickleMachine::load() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  while (true) {
    const auto op = number<uint8_t>();
    if (op == '.') return *pop();
    if (op == 0x80) {  // PROTO
      const auto protocol = number<uint8_t>();
      TORCH_CHECK_VALUE(
          protocol <= kNewestProtocol, "the pickle has the unknown protocol ", int{protocol});
      continue;
    }
    if (op == 0x95) {  // FRAME: a hint for readers of streams
      (void)number<uint64_t>();
      continue;
    }
    if (scalar(op) || text(op) || container(op) || fill(op) || memory(op) || object(op)) continue;
    TORCH_CHECK_VALUE(false,
                      "the pickle has the opcode ",
                      int{op},
                      " at byte ",
                      at_ - 1,
                      "; only plain tensors are read, nothing is executed");
  }
}

}  // namespace pointattn::models
