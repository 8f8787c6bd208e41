// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/table.h"

#include "pointattn/io/input.h"
#include "pointattn/io/scalars.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>

namespace pointattn::io {
namespace {

constexpr int64_t kRowsAtOnce = 16384;

int64_t item_size(const Field& field) {
  return static_cast<int64_t>(field.values.element_size()) * count_of(field);
}

void check(const Field& field, int64_t rows) {
  const bool blank = std::any_of(
      field.name.begin(), field.name.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  TORCH_CHECK_VALUE(!field.name.empty() && !blank,
                    "write_cloud: expected a field name without blanks, got ",
                    shown(field.name));
  TORCH_CHECK_VALUE(field.values.defined() && (field.values.dim() == 1 || field.values.dim() == 2),
                    "write_cloud: expected field '",
                    field.name,
                    "' of shape [N] or [N,count]");
  TORCH_CHECK_VALUE(field.values.size(0) == rows && count_of(field) > 0,
                    "write_cloud: expected ",
                    rows,
                    " rows of field '",
                    field.name,
                    "', got ",
                    field.values.sizes());
  with_type(field.values.scalar_type(), [](auto) {});
}

void append_row(std::string& text, const std::vector<Field>& fields, int64_t row) {
  const size_t start = text.size();
  for (const Field& field : fields) {
    const int64_t count = count_of(field);
    with_type(field.values.scalar_type(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* values = static_cast<const T*>(field.values.const_data_ptr()) + row * count;
      for (int64_t i = 0; i < count; ++i) {
        if (text.size() > start) text += ' ';
        append_number(text, values[i]);
      }
    });
  }
  text += '\n';
}

}  // namespace

Table::Table(std::vector<Field> fields) : fields_(std::move(fields)) {
  TORCH_CHECK_VALUE(!fields_.empty(), "write_cloud: expected a cloud with fields, got none");
  const at::Tensor& first = fields_.front().values;
  rows_ = first.defined() && first.dim() > 0 ? first.size(0) : 0;
  for (Field& field : fields_) {
    check(field, rows_);
    field.values = field.values.detach().cpu().contiguous();
  }
}

void Table::write_binary(std::ostream& out) const {
  int64_t row_size = 0;
  for (const Field& field : fields_) row_size += item_size(field);
  std::string block(static_cast<size_t>(std::min(kRowsAtOnce, rows_) * row_size), '\0');
  for (int64_t start = 0; start < rows_; start += kRowsAtOnce) {
    const int64_t rows = std::min(kRowsAtOnce, rows_ - start);
    char* to = block.data();
    for (const Field& field : fields_) {
      const int64_t size = item_size(field);
      const char* from = static_cast<const char*>(field.values.const_data_ptr()) + start * size;
      copy_items(from, size, to, row_size, size, rows);
      to += size;
    }
    out.write(block.data(), rows * row_size);
  }
}

void Table::write_ascii(std::ostream& out) const {
  std::string text;
  for (int64_t row = 0; row < rows_; ++row) {
    append_row(text, fields_, row);
    if ((row + 1) % kRowsAtOnce == 0 || row + 1 == rows_) {
      out.write(text.data(), static_cast<std::streamsize>(text.size()));
      text.clear();
    }
  }
}

std::string Table::columns() const {
  std::string bytes;
  int64_t row_size = 0;
  for (const Field& field : fields_) row_size += item_size(field);
  bytes.reserve(static_cast<size_t>(rows_ * row_size));
  for (const Field& field : fields_) {
    bytes.append(static_cast<const char*>(field.values.const_data_ptr()),
                 static_cast<size_t>(rows_ * item_size(field)));
  }
  return bytes;
}

}  // namespace pointattn::io
