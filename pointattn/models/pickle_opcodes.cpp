// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pickle.h"

#include <c10/util/Exception.h>

#include <bit>

/// The opcodes of PickleMachine in groups; each answers whether the opcode is of its group.
namespace pointattn::models {
namespace {

using Kind = PickleValue::Kind;

}  // namespace

/// LONG1: two's complement of up to eight bytes.
int64_t PickleMachine::long_number() {
  const auto size = number<uint8_t>();
  TORCH_CHECK_VALUE(
      size <= 8, "the pickle has an integer of ", int{size}, " bytes, expected at most 8");
  const std::string_view digits = take(size);
  uint64_t value = size > 0 && (static_cast<uint8_t>(digits.back()) & 0x80) != 0 ? ~0ULL : 0;
  for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
  return static_cast<int64_t>(value);
}

bool PickleMachine::scalar(uint8_t op) {
  switch (op) {
    case 'N':
      push(Kind::kNone);
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push(Kind::kBool)->integer = op == 0x88;
      return true;
    case 'J':
      push(Kind::kInt)->integer = number<int32_t>();
      return true;
    case 'K':
      push(Kind::kInt)->integer = number<uint8_t>();
      return true;
    case 'M':
      push(Kind::kInt)->integer = number<uint16_t>();
      return true;
    case 0x8a: {  // LONG1
      const int64_t value = long_number();
      push(Kind::kInt)->integer = value;
      return true;
    }
    case 'G': {  // big-endian, the only number that is
      auto bits = number<uint64_t>();
      bits = __builtin_bswap64(bits);
      push(Kind::kFloat)->real = std::bit_cast<double>(bits);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::text(uint8_t op) {
  switch (op) {
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      push_text(number<uint32_t>());
      return true;
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
      push_text(number<uint8_t>());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::container(uint8_t op) {
  switch (op) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case ')':
      push(Kind::kTuple);
      return true;
    case ']':
      push(Kind::kList);
      return true;
    case '}':
      push(Kind::kDict);
      return true;
    case 't':
      push_tuple(pop_to_mark());
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {  // TUPLE1, TUPLE2, TUPLE3
      std::vector<PickleValue*> items(op - 0x84U);
      for (size_t i = items.size(); i-- > 0;) items[i] = pop();
      push_tuple(std::move(items));
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::fill(uint8_t op) {
  switch (op) {
    case 'a':
    case 'e': {
      const std::vector<PickleValue*> items = op == 'a' ? std::vector{pop()} : pop_to_mark();
      auto& list = top(Kind::kList, "list")->items;
      list.insert(list.end(), items.begin(), items.end());
      return true;
    }
    case 's':
    case 'u': {
      std::vector<PickleValue*> items = op == 'u' ? pop_to_mark() : std::vector{pop(), pop()};
      if (op == 's') std::swap(items[0], items[1]);
      TORCH_CHECK_VALUE(items.size() % 2 == 0, "the pickle has a key without a value");
      auto& dict = top(Kind::kDict, "dictionary")->items;
      dict.insert(dict.end(), items.begin(), items.end());
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::memory(uint8_t op) {
  const auto keep = [&](uint32_t place) {
    TORCH_CHECK_VALUE(!stack_.empty(), "the pickle keeps a value where there is none");
    memo_[place] = stack_.back();
  };
  const auto recall = [&](uint32_t place) {
    const auto found = memo_.find(place);
    TORCH_CHECK_VALUE(found != memo_.end(), "the pickle recalls a value that it never kept");
    stack_.push_back(found->second);
  };
  switch (op) {
    case 'q':
      keep(number<uint8_t>());
      return true;
    case 'r':
      keep(number<uint32_t>());
      return true;
    case 0x94:  // MEMOIZE
      keep(static_cast<uint32_t>(memo_.size()));
      return true;
    case 'h':
      recall(number<uint8_t>());
      return true;
    case 'j':
      recall(number<uint32_t>());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::object(uint8_t op) {
  switch (op) {
    case 'c': {
      const std::string module(line());
      global(module + "." + std::string(line()));
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      TORCH_CHECK_VALUE(name->kind == Kind::kText && module->kind == Kind::kText,
                        "the pickle names something by no text");
      global(module->text + "." + name->text);
      return true;
    }
    case 'R':
      reduce();
      return true;
    case 'Q':
      persistent();
      return true;
    case 'b':  // attributes, such as the _metadata of a state dictionary: of no use here
      pop();
      (void)top(Kind::kDict, "dictionary");
      return true;
    default:
      return false;
  }
}

}  // namespace pointattn::models
