// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/io/cloud.h"

#include <ostream>
#include <string>
#include <vector>

namespace pointattn::io {

/// Fields made ready to be written: checked, on the CPU, contiguous.
class Table {
 public:
  /// Throws c10::ValueError for a name with blanks or none, a type that files lack, or fields of
  /// unequal length.
  explicit Table(std::vector<Field> fields);
  const std::vector<Field>& fields() const { return fields_; }
  int64_t rows() const { return rows_; }
  /// Row by row, as the machine has the numbers (little endian).
  void write_binary(std::ostream& out) const;
  /// A line a row.
  void write_ascii(std::ostream& out) const;
  /// Field by field.
  std::string columns() const;

 private:
  std::vector<Field> fields_;
  int64_t rows_ = 0;
};

}  // namespace pointattn::io
