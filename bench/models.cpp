// SPDX-License-Identifier: Apache-2.0
// What a model costs: size, multiply-adds, time and memory of one forward pass.
//
//   bench_models MODEL.safetensors [--points 1024] [--clouds 8] [--runs 5]
//
// The network is frozen, as the program runs it; time and memory are those of a batch of `clouds` uniform
// clouds, multiply-adds those of one cloud.
#include "pointattn/core/point_batch.h"
#include "pointattn/models/model_file.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "bench/support/measure.h"
#include "bench/support/multiply_adds.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace {

using namespace pointattn;

struct Settings {
  const char* file = nullptr;
  int64_t points = 1024;
  int64_t clouds = 8;
  int runs = 5;
};

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const auto value = [&] { return std::atoll(i + 1 < argc ? argv[++i] : "0"); };
    if (std::strcmp(argv[i], "--points") == 0) {
      settings.points = value();
    } else if (std::strcmp(argv[i], "--clouds") == 0) {
      settings.clouds = value();
    } else if (std::strcmp(argv[i], "--runs") == 0) {
      settings.runs = static_cast<int>(value());
    } else {
      settings.file = argv[i];
    }
  }
  if (!settings.file || settings.points < 1 || settings.clouds < 1 || settings.runs < 1) {
    std::fprintf(stderr,
                 "usage: bench_models MODEL.safetensors [--points 1024] [--clouds 8] [--runs 5]\n");
    std::exit(2);
  }
  return settings;
}

PointBatch uniform_clouds(int64_t clouds, int64_t points) {
  std::vector<at::Tensor> all;
  for (int64_t b = 0; b < clouds; ++b) all.push_back(to_unit_sphere(at::rand({points, 3})));
  return PointBatch::of(all);
}

void report(const Settings& settings) {
  const models::Model model = models::load_model(settings.file);
  at::manual_seed(1);
  const PointBatch one = uniform_clouds(1, settings.points);
  const PointBatch many = uniform_clouds(settings.clouds, settings.points);
  const at::Tensor category = at::zeros({settings.clouds}, at::kLong);
  // Before freezing and with gradients: then every product is an operator of its own.
  const int64_t products =
      bench::multiply_adds_of([&] { model.network->forward(one, category.narrow(0, 0, 1)); });
  models::freeze(*model.network);
  const c10::InferenceMode inference;
  const bench::Measurement cost =
      bench::measure({[&] { model.network->forward(many, category); }}, settings.runs).front();
  const nlohmann::json json = {
      {"name", model.spec.architecture},
      {"task", models::to_string(model.spec.task)},
      {"parameters", models::parameter_count(*model.network)},
      {"points", settings.points},
      {"clouds", settings.clouds},
      {"multiply_adds", products},
      {"seconds_per_1000", cost.median_ms / static_cast<double>(settings.clouds)},
      {"peak_bytes", cost.peak_bytes}};
  std::printf("%s\n", json.dump(2).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  try {
    report(settings);
  } catch (const c10::Error& error) {
    std::fprintf(stderr, "bench_models: %s\n", error.what_without_backtrace());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_models: %s\n", error.what());
    return 1;
  }
  return 0;
}
