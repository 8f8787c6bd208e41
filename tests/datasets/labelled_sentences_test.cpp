// SPDX-License-Identifier: Apache-2.0
#include "datasets/labelled_sentences.h"

#include "pointattn/core/files.h"
#include "tests/support/data.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace pointattn::datasets {
namespace {

train::LabelledSentences read(const std::string& text) {
  const test::ScratchFolder folder;
  write_file(folder / "orders.tsv", [&](std::ostream& out) { out << text; });
  return read_labelled_sentences(folder / "orders.tsv");
}

TEST(LabelledSentences, ClassesInTheOrderOfTheirBytesWhateverTheRows) {
  const auto data = read("sentence\tclass\nStop now\tstop\n\tgo\r\nGo on\tgo\n");
  EXPECT_EQ(data.sentences, (std::vector<std::string>{"Stop now", "", "Go on"}));
  EXPECT_EQ(data.classes, (std::vector<std::string>{"go", "stop"}));
  EXPECT_EQ(data.labels, (std::vector<int64_t>{1, 0, 0}));
  // Columns in another order and with others among them.
  const auto same = read("class\tid\tsentence\nstop\t7\tStop now\ngo\t8\t\ngo\t9\tGo on\n");
  EXPECT_EQ(same.sentences, data.sentences);
  EXPECT_EQ(same.labels, data.labels);
}

TEST(LabelledSentences, FaultsAreNamedWithTheirLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "orders.tsv"},
      {"Stop now\tstop\n", "expected a column 'sentence'"},
      {"sentence\n", "expected a column 'class'"},
      {"sentence\tclass\n", "expected sentences, got none"},
      {"sentence\tclass\nStop\tstop\nGo\n", "orders.tsv:3"},
      {"sentence\tclass\nStop\t\n", "orders.tsv:2: expected a class, got none"},
  };
  for (const auto& [text, message] : cases) {
    try {
      (void)read(text);
      ADD_FAILURE() << message;
    } catch (const c10::Error& error) {
      const std::string what = error.what_without_backtrace();
      EXPECT_NE(what.find(message), std::string::npos) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    }
  }
}

}  // namespace
}  // namespace pointattn::datasets
