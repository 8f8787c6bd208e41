// SPDX-License-Identifier: Apache-2.0
#include "apps/cli.h"
#include "apps/segment_output.h"
#include "datasets/procedural.h"
#include "datasets/procedural/captions.h"
#include "pointattn/core/files.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <iostream>
#include <memory>

namespace pointattn::apps {
namespace {

struct Settings {
  std::vector<std::string> categories;
  std::string folder = ".";
  std::string format = "ply";
  int64_t count = 1;
  int64_t points = datasets::ProceduralOptions{}.points;
  uint64_t seed = 0;
  double noise = 0;
  std::string captions;
  int64_t captions_each = 5;
  bool unlabelled = false;
  bool list = false;
};

io::Cloud cloud_of(const datasets::ProceduralShape& shape) {
  io::Cloud cloud;
  const char* names[] = {"x", "y", "z", "nx", "ny", "nz"};
  for (int64_t column = 0; column < 6; ++column) {
    const at::Tensor& from = column < 3 ? shape.xyz : shape.normal;
    cloud.set(names[column], from.select(1, column % 3).contiguous());
  }
  return cloud;
}

int list(const LabelMap& labels) {
  for (const Category& category : labels.categories) {
    std::cout << category.name;
    const char* separator = ": ";
    for (const Part& part : category.parts) {
      std::cout << separator << part.name;
      separator = ", ";
    }
    std::cout << '\n';
  }
  return 0;
}

/// Writes the clouds of the chosen categories; `captions`, where not null, gets lines about them.
void generate(const Settings& settings,
              const LabelMap& labels,
              const std::vector<int64_t>& categories,
              std::ostream* captions) {
  int64_t running = 0;
  for (const int64_t id : categories) {
    const Category& category = labels.categories[static_cast<size_t>(id)];
    for (int64_t number = 0; number < settings.count; ++number, ++running) {
      const datasets::ProceduralShape shape = datasets::make_shape(
          id, static_cast<uint64_t>(number), settings.seed, settings.points, settings.noise);
      io::Cloud cloud = cloud_of(shape);
      if (!settings.unlabelled) {
        const at::Tensor label = shape.part + category.first_part;
        add_part_labels(cloud, label, category);
        add_part_colors(cloud, label, category, settings.format == "pcd");
      }
      const std::string name = category.name + "_" + std::to_string(number);
      const std::filesystem::path path =
          std::filesystem::path(settings.folder) / (name + "." + settings.format);
      io::write_cloud(path, cloud);
      std::cout << path.string() << std::endl;
      if (captions == nullptr) continue;
      const uint64_t seed = settings.seed + static_cast<uint64_t>(running);
      for (const std::string& caption :
           datasets::captions_of(shape.facts, settings.captions_each, seed)) {
        *captions << name << '\t' << running << '\t' << category.name << "\tprocedural\t" << caption
                  << '\n';
      }
    }
  }
}

int run(const Settings& settings) {
  const LabelMap labels = datasets::procedural_labels();
  if (settings.list) return list(labels);
  std::vector<int64_t> categories;
  for (const std::string& name : settings.categories)
    categories.push_back(labels.category_id(name));
  for (int64_t id = 0; settings.categories.empty() && id < labels.num_categories(); ++id)
    categories.push_back(id);
  std::filesystem::create_directories(settings.folder);
  if (settings.captions.empty()) {
    generate(settings, labels, categories, nullptr);
    return 0;
  }
  write_file(settings.captions, [&](std::ostream& file) {
    file << "model_id\tpartnet_anno_id\tcategory\tsource\tcaption\n";
    generate(settings, labels, categories, &file);
  });
  return 0;
}

}  // namespace

Run setup_generate(CLI::App& app) {
  const auto settings = std::make_shared<Settings>();
  app.add_option("CATEGORY", settings->categories, "Kinds of objects; all when none is named");
  app.add_flag("--list", settings->list, "List the kinds and their parts instead");
  app.add_option("-o,--output", settings->folder, "Folder of the files <category>_<number>")
      ->capture_default_str();
  app.add_option("--count", settings->count, "Objects of each kind")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--points", settings->points, "Points of an object")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->capture_default_str();
  app.add_option("--seed", settings->seed, "The same seed gives the same objects")
      ->capture_default_str();
  app.add_option("--noise",
                 settings->noise,
                 "Standard deviation of a shift of every point, relative to the object's radius")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--format", settings->format, "File format")
      ->check(CLI::IsMember({"ply", "pcd"}))
      ->capture_default_str();
  CLI::Option* captions = app.add_option(
      "--captions",
      settings->captions,
      "Also write descriptions of the objects to this table (tab-separated: model_id, "
      "the name of the file without its ending; partnet_anno_id, a running number; "
      "category; source, which is 'procedural'; caption)");
  app.add_option("--captions-each", settings->captions_each, "Descriptions of an object, at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->needs(captions)
      ->capture_default_str();
  app.add_flag("--unlabelled", settings->unlabelled, "Coordinates and normals only");
  return [settings] { return run(*settings); };
}

}  // namespace pointattn::apps
