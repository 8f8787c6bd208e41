// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/pickle_tensor.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace pointattn::models {
namespace {

using Kind = PickleValue::Kind;
using Values = std::vector<PickleValue*>;

constexpr const char* kRebuildOld = "torch._utils._rebuild_tensor";
constexpr const char* kRebuild = "torch._utils._rebuild_tensor_v2";
constexpr const char* kParameter = "torch._utils._rebuild_parameter";
constexpr size_t kMaxDimensions = 16;

struct StorageName {
  const char* name;
  at::ScalarType type;
};
constexpr StorageName kStorages[] = {{"torch.FloatStorage", at::kFloat},
                                     {"torch.DoubleStorage", at::kDouble},
                                     {"torch.HalfStorage", at::kHalf},
                                     {"torch.BFloat16Storage", at::kBFloat16},
                                     {"torch.LongStorage", at::kLong},
                                     {"torch.IntStorage", at::kInt},
                                     {"torch.ShortStorage", at::kShort},
                                     {"torch.CharStorage", at::kChar},
                                     {"torch.ByteStorage", at::kByte},
                                     {"torch.BoolStorage", at::kBool}};

const StorageName* storage_named(const std::string& name) {
  const auto* found = std::find_if(std::begin(kStorages),
                                   std::end(kStorages),
                                   [&](const StorageName& entry) { return name == entry.name; });
  return found == std::end(kStorages) ? nullptr : found;
}

int64_t whole_number(const PickleValue& value, const char* what) {
  TORCH_CHECK_VALUE(value.kind == Kind::kInt && value.integer >= 0,
                    "the pickle has a tensor whose ",
                    what,
                    " is no whole number from 0");
  return value.integer;
}

std::vector<int64_t> whole_numbers(const PickleValue& value, const char* what) {
  TORCH_CHECK_VALUE(value.kind == Kind::kTuple && value.items.size() <= kMaxDimensions,
                    "the pickle has a tensor whose ",
                    what,
                    " is no tuple of at most ",
                    kMaxDimensions);
  std::vector<int64_t> numbers;
  for (const PickleValue* item : value.items) numbers.push_back(whole_number(*item, what));
  return numbers;
}

/// a + b · c, all from 0, unless that is more than `limit`.
bool add_product(int64_t& a, int64_t b, int64_t c, int64_t limit) {
  int64_t product = 0;
  int64_t sum = 0;
  if (__builtin_mul_overflow(b, c, &product) || __builtin_add_overflow(a, product, &sum) ||
      sum > limit) {
    return false;
  }
  a = sum;
  return true;
}

at::Tensor view_of(const at::Tensor& storage,
                   int64_t offset,
                   const std::vector<int64_t>& size,
                   const std::vector<int64_t>& stride) {
  const int64_t held = storage.numel();
  int64_t last = offset;
  int64_t numel = 1;
  bool inside = size.size() == stride.size() && offset <= held;
  const bool empty = std::count(size.begin(), size.end(), 0) > 0;
  for (size_t d = 0; inside && d < size.size(); ++d) {
    const int64_t steps = std::max<int64_t>(size[d], 1);
    int64_t product = 0;
    inside = add_product(product, numel, steps, empty ? INT32_MAX : held) &&
             (empty || add_product(last, steps - 1, stride[d], held));
    numel = product;
  }
  inside = inside && (empty || last < held);
  TORCH_CHECK_VALUE(inside,
                    "the pickle has a tensor of shape ",
                    at::IntArrayRef(size),
                    " and strides ",
                    at::IntArrayRef(stride),
                    " from ",
                    offset,
                    " in a storage of ",
                    held,
                    " numbers");
  return empty ? at::empty(size, storage.options()) : storage.as_strided(size, stride, offset);
}

}  // namespace

bool is_known_global(const std::string& name) {
  return name == kOrderedDict || name == kRebuildOld || name == kRebuild || name == kParameter ||
         storage_named(name) != nullptr;
}

at::Tensor rebuild(const std::string& function, const Values& arguments) {
  if (function == kParameter) {
    TORCH_CHECK_VALUE(arguments.size() == 3 && arguments[0]->kind == Kind::kTensor,
                      "the pickle has a parameter without a tensor");
    return arguments[0]->tensor;
  }
  TORCH_CHECK_VALUE(function == kRebuild || function == kRebuildOld,
                    "the pickle calls ",
                    function,
                    ", which is no function");
  TORCH_CHECK_VALUE(
      arguments.size() >= 4 && arguments.size() <= 7 && arguments[0]->kind == Kind::kStorage,
      "the pickle has a tensor without a storage");
  return view_of(arguments[0]->tensor,
                 whole_number(*arguments[1], "offset"),
                 whole_numbers(*arguments[2], "shape"),
                 whole_numbers(*arguments[3], "stride"));
}

StorageId storage_id(const PickleValue& value) {
  const Values& items = value.items;
  const bool meant = value.kind == Kind::kTuple && (items.size() == 5 || items.size() == 6) &&
                     items[0]->kind == Kind::kText && items[0]->text == "storage" &&
                     items[1]->kind == Kind::kGlobal && items[2]->kind == Kind::kText &&
                     (items.size() == 5 || items[5]->kind == Kind::kNone);
  const StorageName* known = meant ? storage_named(items[1]->text) : nullptr;
  TORCH_CHECK_VALUE(known != nullptr, "the pickle refers to something that is no storage");
  return {items[2]->text, known->type, whole_number(*items[4], "storage size")};
}

}  // namespace pointattn::models
