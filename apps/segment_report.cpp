// SPDX-License-Identifier: Apache-2.0
#include "apps/segment_report.h"

#include "apps/cli.h"

#include <cstdio>
#include <iostream>

namespace pointattn::apps {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Outcome& outcome) {
  Json parts = Json::array();
  for (const FoundPart& part : outcome.parts) {
    parts.push_back({{"id", part.id},
                     {"name", part.name},
                     {"color", part.color},
                     {"points", part.points},
                     {"share", part.share}});
  }
  Json json = {{"file", outcome.task.input.string()},
               {"output", outcome.task.output.string()},
               {"points", outcome.result.label.numel()},
               {"category", outcome.category.name},
               {"category_confidence", outcome.result.category_confidence},
               {"parts", parts},
               {"notes", outcome.result.notes},
               {"seconds", outcome.seconds}};
  if (!outcome.task.labels.empty()) json["labels"] = outcome.task.labels.string();
  if (!outcome.task.legend.empty()) json["legend"] = outcome.task.legend.string();
  if (!outcome.pictures.empty()) json["pictures"] = outcome.pictures;
  return json;
}

void print(std::ostream& out, const Outcome& outcome) {
  const bool found = !outcome.result.category_probabilities.empty();
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.2f s", outcome.seconds);
  out << outcome.task.input.string() << ": " << outcome.category.name
      << (found ? " (found, " + percent(outcome.result.category_confidence) + " sure)" : " (given)")
      << ", " << outcome.result.label.numel() << " points, " << seconds << '\n';
  for (const FoundPart& part : outcome.parts) {
    char line[160];
    std::snprintf(line,
                  sizeof line,
                  "  %3d %-20s %8s  %s\n",
                  static_cast<int>(part.id),
                  part.name.c_str(),
                  percent(part.share).c_str(),
                  part.color.c_str());
    out << line;
  }
  out << "  written: " << outcome.task.output.string();
  if (!outcome.task.labels.empty()) out << ", " << outcome.task.labels.string();
  if (!outcome.task.legend.empty()) out << ", " << outcome.task.legend.string();
  for (const std::string& picture : outcome.pictures) out << ", " << picture;
  out << std::endl;
}

}  // namespace

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

void Reporter::done(const Outcome& outcome) {
  for (const std::string& text : outcome.result.notes)
    note(outcome.task.input.string() + ": " + text);
  if (target_ != "-") print(std::cout, outcome);
  add(to_json(outcome));
}

void Reporter::failed(const FileTask& task, const std::exception& error) {
  failed_ = true;
  const std::string file = task.input.string();
  std::string text = message_of(error);
  if (text.find(file) == std::string::npos) text = file + ": " + text;
  print_error(text);
  add({{"file", file}, {"error", text}});
}

void Reporter::note(const std::string& text) const {
  if (!quiet_) std::cerr << "note: " << text << std::endl;
}

int Reporter::finish() {
  if (!target_.empty() && target_ != "-") {
    lines_.pop_back();  // put_json ends the last line itself
    put_json(target_, lines_);
  }
  return failed_ ? 1 : 0;
}

void Reporter::add(const Json& json) {
  if (target_ == "-") put_json(target_, json.dump());
  if (!target_.empty() && target_ != "-") lines_ += json.dump() + '\n';
}

}  // namespace pointattn::apps
