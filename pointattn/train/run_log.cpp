// SPDX-License-Identifier: Apache-2.0
#include "pointattn/train/run_log.h"

#include "pointattn/core/files.h"

#include <fstream>

namespace pointattn::train {
namespace {

constexpr const char* kFigures[] = {"accuracy", "instance_miou", "class_miou", "class_accuracy"};

nlohmann::json line_of(const EpochReport& report) {
  nlohmann::json line = {{"epoch", report.epoch},
                         {"loss", report.loss},
                         {"learning_rate", report.learning_rate},
                         {"seconds", report.seconds},
                         {"best", report.best}};
  if (!report.held_out.is_null()) line["held_out"] = report.held_out;
  return line;
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& folder, int64_t epochs) : folder_(folder) {
  std::ifstream in(folder_ / "metrics.jsonl");
  for (std::string text; std::getline(in, text) && static_cast<int64_t>(lines_.size()) < epochs;) {
    const nlohmann::json line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line.is_object()) lines_.push_back(line);
  }
  write();
}

void RunLog::add(const EpochReport& report) {
  lines_.push_back(line_of(report));
  write();
}

void RunLog::write() const {
  write_file(folder_ / "metrics.jsonl", [&](std::ostream& out) {
    for (const nlohmann::json& line : lines_) out << line.dump() << '\n';
  });
  write_file(folder_ / "metrics.csv", [&](std::ostream& out) {
    out << "epoch,loss,learning_rate,seconds,best";
    for (const char* figure : kFigures) out << ',' << figure;
    out << '\n';
    for (const nlohmann::json& line : lines_) {
      out << line["epoch"] << ',' << line["loss"] << ',' << line["learning_rate"] << ','
          << line["seconds"] << ',' << (line["best"].get<bool>() ? 1 : 0);
      const nlohmann::json figures = line.value("held_out", nlohmann::json::object());
      for (const char* figure : kFigures) {
        out << ',';
        if (figures.contains(figure)) out << figures[figure];
      }
      out << '\n';
    }
  });
}

}  // namespace pointattn::train
