// SPDX-License-Identifier: Apache-2.0
#include "apps/segment_plan.h"

#include "apps/cli.h"
#include "apps/cloud_files.h"
#include "pointattn/core/closest.h"

#include <c10/util/Exception.h>

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

}  // namespace

Plan plan_files(const FileRequest& request) {
  Plan plan;
  const std::vector<fs::path> files = cloud_files(request.inputs, plan.notes);
  const bool several = request.inputs.size() > 1 || fs::is_directory(request.inputs.front());
  const bool one_output = !several && !request.output.empty() && !names_folder(request.output);
  const std::string format = format_of(request, one_output);
  plan.encoding = encoding_of(request, format);

  if (several && fs::is_regular_file(request.output)) {
    throw UsageError("--output " + request.output +
                     ": expected a folder for several inputs, got a file");
  }
  if (several && fs::is_regular_file(request.labels)) {
    throw UsageError("--labels " + request.labels +
                     ": expected a folder for several inputs, got a file");
  }
  ResultNames output_name(request.output, "." + format);
  ResultNames labels_name(request.labels, ".txt");
  const bool one_labels = !several && !request.labels.empty() && !names_folder(request.labels);
  if (!one_output && !request.output.empty()) make_folder(request.output);
  if (!one_labels && !request.labels.empty()) make_folder(request.labels);
  for (const fs::path& file : files) {
    FileTask task{file, one_output ? fs::path(request.output) : output_name(file), {}};
    if (!request.labels.empty())
      task.labels = one_labels ? fs::path(request.labels) : labels_name(file);
    plan.tasks.push_back(std::move(task));
  }
  for (const FileTask& task : plan.tasks) {
    check_not_input(task.output, files);
    if (!task.labels.empty()) check_not_input(task.labels, files);
    if (!task.labels.empty() && same_file(task.output, task.labels))
      throw UsageError("--output and --labels name the same file");
  }
  return plan;
}

}  // namespace pointattn::apps
