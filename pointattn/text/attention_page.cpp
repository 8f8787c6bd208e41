// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/attention_page.h"

#include "pointattn/core/files.h"
#include "pointattn/core/html.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace pointattn::text {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 16px/1.6 system-ui, sans-serif; color: #111; background: #fff; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #ccc; padding: 0.8rem 0; }
h1 { font-size: 1.4rem; }
h2 { font-size: 1rem; margin: 0; }
p { margin: 0.2rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
p.how { color: #555; margin-bottom: 1.2rem; max-width: 46rem; }
p.sum { font-size: 1.25rem; }
div.hop { display: grid; grid-template-columns: 4rem 1fr; align-items: baseline; font-size: 0.9rem; }
div.hop > span { color: #555; }
i { font-style: normal; border-radius: 3px; padding: 0.1em 0; }
</style>
)";

/// A stretch of the sentence that is one or more words, and its weight in each hop.
struct Stretch {
  size_t begin;
  size_t end;
  std::vector<double> weight;
};

void check(const ReadSentence& read) {
  const auto count = static_cast<int64_t>(read.words.size());
  TORCH_CHECK_VALUE(read.attention.dim() == 2 && read.attention.size(0) == count,
                    "attention page: expected attention [",
                    count,
                    ",W], got ",
                    read.attention.sizes());
  for (const Word& word : read.words) {
    TORCH_CHECK_VALUE(word.begin <= word.end && word.end <= read.sentence.size(),
                      "attention page: expected words inside the sentence of ",
                      read.sentence.size(),
                      " bytes, got ",
                      word.begin,
                      " … ",
                      word.end);
  }
}

std::vector<Stretch> stretches_of(const ReadSentence& read) {
  const at::Tensor weights = read.attention.to(at::kCPU, at::kDouble).contiguous();
  const auto hops = static_cast<size_t>(weights.size(1));
  std::vector<Stretch> all;
  for (size_t i = 0; i < read.words.size(); ++i) {
    const Word& word = read.words[i];
    const double* row = weights.const_data_ptr<double>() + i * hops;
    if (all.empty() || word.begin >= all.back().end) {
      all.push_back({word.begin, word.end, std::vector<double>(row, row + hops)});
      continue;
    }
    all.back().end = std::max(all.back().end, word.end);
    for (size_t w = 0; w < hops; ++w) all.back().weight[w] += row[w];
  }
  return all;
}

/// The sentence with each stretch on a ground as strong as its weight beside the largest.
std::string heated(const std::string& sentence,
                   const std::vector<Stretch>& stretches,
                   const std::vector<double>& weights) {
  const double most = weights.empty() ? 0 : *std::max_element(weights.begin(), weights.end());
  std::string out;
  size_t done = 0;
  const std::string_view text = sentence;
  for (size_t i = 0; i < stretches.size(); ++i) {
    const auto& [begin, end, weight] = stretches[i];
    char style[96];
    std::snprintf(style,
                  sizeof style,
                  "<i style=\"background:rgba(230,90,20,%.3f)\" title=\"%.3f\">",
                  most > 0 ? weights[i] / most : 0.0,
                  weights[i]);
    out += html_text(text.substr(done, begin - done)) + style +
           html_text(text.substr(begin, end - begin)) + "</i>";
    done = end;
  }
  return out + html_text(text.substr(done));
}

std::string section_of(const ReadSentence& read) {
  check(read);
  const std::vector<Stretch> stretches = stretches_of(read);
  const auto hops = static_cast<size_t>(read.attention.size(1));
  std::string out = "<section>\n<h2>" + html_text(read.heading) + "</h2>\n";
  std::vector<double> sum(stretches.size());
  for (size_t i = 0; i < stretches.size(); ++i) {
    for (const double weight : stretches[i].weight) sum[i] += weight / static_cast<double>(hops);
  }
  out += "<p class=\"sum\" dir=\"auto\">" + heated(read.sentence, stretches, sum) + "</p>\n";
  for (size_t w = 0; w < hops; ++w) {
    std::vector<double> weights;
    for (const Stretch& stretch : stretches) weights.push_back(stretch.weight[w]);
    out += "<div class=\"hop\"><span>hop " + std::to_string(w + 1) + "</span><p dir=\"auto\">" +
           heated(read.sentence, stretches, weights) + "</p></div>\n";
  }
  return out + "</section>\n";
}

}  // namespace

void write_attention_page(const std::filesystem::path& path,
                          const std::string& title,
                          const std::vector<ReadSentence>& sentences) {
  std::string page = kHead;
  page += "<title>" + html_text(title) + "</title>\n</head>\n<body>\n<h1>" + html_text(title) +
          "</h1>\n<p class=\"how\">In large letters: the sum of all hops, normalised to 1. Below "
          "it each "
          "hop, a row of the attention matrix. The stronger the ground, the larger the weight."
          "</p>\n";
  for (const ReadSentence& read : sentences) page += section_of(read);
  page += "</body>\n</html>\n";
  write_file(path, [&](std::ostream& out) { out << page; });
}

}  // namespace pointattn::text
