// SPDX-License-Identifier: Apache-2.0
#include "apps/weights.h"

#include <c10/util/Exception.h>

#include <cstdlib>

namespace pointattn::apps {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDefault = "weights/psb_parts.safetensors";

}  // namespace

fs::path weights_path(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* named = std::getenv("POINTATTN_WEIGHTS"); named && *named) return named;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  fs::path folder = program.parent_path();
  // build/release/pointattn: the source tree is two folders up.
  for (int up = 0; up < 3; ++up, folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / kDefault, ignored)) return folder / kDefault;
  }
  TORCH_CHECK(false,
              "no model: ",
              kDefault,
              " is not near the program; give --weights FILE or set POINTATTN_WEIGHTS");
}

models::Model load_weights(const fs::path& path, models::Task task, at::Device device) {
  models::Model model = models::load_model(path);
  TORCH_CHECK_VALUE(model.spec.task == task,
                    path.string(),
                    ": expected a model for the task ",
                    models::to_string(task),
                    ", got one for ",
                    models::to_string(model.spec.task));
  model.network->to(device);
  return model;
}

void add_bfloat16(CLI::App& app, bool& on) {
  app.add_flag("--bfloat16",
               on,
               "Multiply large matrices in bfloat16: faster where the processor has it, scores to "
               "two or three digits");
}

}  // namespace pointattn::apps
