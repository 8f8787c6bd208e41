// SPDX-License-Identifier: Apache-2.0
#include "apps/segment_plan.h"

#include "apps/cli.h"
#include "apps/cloud_files.h"
#include "pointattn/core/closest.h"

#include <string>
#include <utility>
#include <vector>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

std::string extension_of(const fs::path& path) {
  const std::string text = lower(path.extension().string());
  return text.empty() ? text : text.substr(1);
}

bool names_folder(const std::string& text) { return text.ends_with("/") || fs::is_directory(text); }

io::Encoding encoding_of(const FileRequest& request, const std::string& format) {
  if (request.encoding == "ascii") return io::Encoding::kAscii;
  if (request.encoding == "binary") return io::Encoding::kBinary;
  if (format != "pcd") throw UsageError("--encoding compressed: only PCD has it (--format pcd)");
  return io::Encoding::kCompressed;
}

/// ply or pcd, from --format or the name of a single output file.
std::string format_of(const FileRequest& request, bool single_file) {
  const std::string named = single_file ? extension_of(request.output) : "";
  if (!single_file) return request.format.empty() ? "ply" : request.format;
  if (named != "ply" && named != "pcd") {
    throw UsageError("--output " + request.output + ": expected a name that ends in .ply or .pcd");
  }
  if (!request.format.empty() && request.format != named) {
    throw UsageError("--output " + request.output + " and --format " + request.format +
                     " disagree");
  }
  return named;
}

/// The places of one kind of result: the named file, or files in a folder, which is made.
class Places {
 public:
  Places(const char* option, const std::string& target, const std::string& ending, bool several)
      : file_(!several && !target.empty() && !names_folder(target) ? target : ""),
        in_folder_(target, ending) {
    if (several && fs::is_regular_file(target)) {
      throw UsageError(std::string(option) + " " + target +
                       ": expected a folder for several inputs, got a file");
    }
    if (file_.empty() && !target.empty()) make_folder(target);
  }

  fs::path of(const fs::path& input) { return file_.empty() ? in_folder_(input) : file_; }

 private:
  fs::path file_;
  ResultNames in_folder_;
};

void check_places(const FileTask& task, const std::vector<fs::path>& inputs) {
  const std::pair<const char*, fs::path> results[] = {
      {"--output", task.output}, {"--labels", task.labels}, {"--legend", task.legend}};
  for (const auto& [option, result] : results) {
    if (result.empty()) continue;
    check_not_input(result, inputs);
    for (const auto& [other, place] : results) {
      if (option != other && !place.empty() && same_file(result, place))
        throw UsageError(std::string(option) + " and " + other + " name the same file");
    }
  }
}

}  // namespace

Plan plan_files(const FileRequest& request) {
  Plan plan;
  const std::vector<fs::path> files = cloud_files(request.inputs, plan.notes);
  const bool several = request.inputs.size() > 1 || fs::is_directory(request.inputs.front());
  const bool one_output = !several && !request.output.empty() && !names_folder(request.output);
  const std::string format = format_of(request, one_output);
  plan.encoding = encoding_of(request, format);

  Places output("--output", request.output, "." + format, several);
  Places labels("--labels", request.labels, ".txt", several);
  Places legend("--legend", request.legend, ".tsv", several);
  for (const fs::path& file : files) {
    FileTask task{file, output.of(file), {}, {}};
    if (!request.labels.empty()) task.labels = labels.of(file);
    if (!request.legend.empty()) task.legend = legend.of(file);
    check_places(task, files);
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

}  // namespace pointattn::apps
