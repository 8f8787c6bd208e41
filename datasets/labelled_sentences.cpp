// SPDX-License-Identifier: Apache-2.0
#include "datasets/labelled_sentences.h"

#include "datasets/tsv.h"

#include <c10/util/Exception.h>

#include <map>

namespace pointattn::datasets {

train::LabelledSentences read_labelled_sentences(const std::filesystem::path& path) {
  train::LabelledSentences data;
  std::vector<std::string> class_of;
  std::map<std::string, int64_t> labels;
  read_tsv(path, {"sentence", "class"}, [&](int64_t, const std::vector<std::string_view>& cells) {
    TORCH_CHECK_VALUE(!cells[1].empty(), "expected a class, got none");
    data.sentences.emplace_back(cells[0]);
    class_of.emplace_back(cells[1]);
    labels.emplace(class_of.back(), 0);
  });
  TORCH_CHECK(!data.sentences.empty(), path.string(), ": expected sentences, got none");
  for (auto& [name, label] : labels) {
    label = static_cast<int64_t>(data.classes.size());
    data.classes.push_back(name);
  }
  for (const std::string& name : class_of) data.labels.push_back(labels.at(name));
  return data;
}

}  // namespace pointattn::datasets
