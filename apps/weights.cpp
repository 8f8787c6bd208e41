// SPDX-License-Identifier: Apache-2.0
#include "apps/weights.h"

#include <c10/util/Exception.h>

#include <cstdlib>

namespace pointattn::apps {
namespace fs = std::filesystem;
fs::path find_weights(const std::string& given, const char* variable, const char* usual) {
  if (!given.empty()) return given;
  if (const char* named = std::getenv(variable); named && *named) return named;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  fs::path folder = program.parent_path();
  // build/release/pointattn: the source tree is two folders up.
  for (int up = 0; up < 3; ++up, folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / usual, ignored)) return folder / usual;
  }
  TORCH_CHECK(false,
              "no model: ",
              usual,
              " is not near the program; give --weights FILE or set ",
              variable);
}

fs::path weights_path(const std::string& given) {
  return find_weights(given, "POINTATTN_WEIGHTS", "weights/psb_parts.safetensors");
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
