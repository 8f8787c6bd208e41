// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

namespace pointattn::datasets {

/// Reads a tab-separated UTF-8 table without quoting. The first line names the columns, in any order
/// and with others among them; `row` gets the line's number and the cells of `columns`, in their
/// order. Throws c10::Error with path and line: a file beyond 1 GB, a column that is missing, a line
/// with another number of cells; what `row` throws as c10::ValueError gets path and line in front.
void read_tsv(const std::filesystem::path& path,
              const std::vector<std::string_view>& columns,
              const std::function<void(int64_t line, const std::vector<std::string_view>&)>& row);

/// A finite number, or c10::ValueError "expected a number for NAME, got '…'".
double number_of(std::string_view cell, std::string_view name);

}  // namespace pointattn::datasets
