// SPDX-License-Identifier: Apache-2.0
#include "datasets/shapenet_labels.h"

#include <utility>

namespace pointattn::datasets {

LabelMap shapenet_part_labels() {
  static const std::vector<std::pair<const char*, std::vector<const char*>>> names{
      {"Airplane", {"body", "wing", "tail", "engine"}},
      {"Bag", {"handle", "body"}},
      {"Cap", {"crown", "peak"}},
      {"Car", {"roof", "hood", "wheel", "body"}},
      {"Chair", {"back", "seat", "leg", "arm"}},
      {"Earphone", {"earcup", "headband", "connector"}},
      {"Guitar", {"head", "neck", "body"}},
      {"Knife", {"blade", "handle"}},
      {"Lamp", {"base", "shade", "canopy", "pole"}},
      {"Laptop", {"keyboard", "screen"}},
      {"Motorbike", {"gas tank", "seat", "wheel", "handlebar", "light", "body"}},
      {"Mug", {"handle", "body"}},
      {"Pistol", {"barrel", "grip", "trigger"}},
      {"Rocket", {"body", "fin", "nose"}},
      {"Skateboard", {"wheel", "deck", "truck"}},
      {"Table", {"top", "leg", "drawer"}},
  };
  LabelMap labels;
  int64_t next = 0;
  for (const auto& [name, parts] : names) {
    Category category{name, next, {}};
    for (const char* part : parts) category.add(part);
    next += static_cast<int64_t>(parts.size());
    labels.categories.push_back(std::move(category));
  }
  return labels;
}

LabelMap modelnet40_labels() {
  LabelMap labels;
  for (const char* name :
       {"airplane",   "bathtub",    "bed",         "bench",    "bookshelf", "bottle", "bowl",
        "car",        "chair",      "cone",        "cup",      "curtain",   "desk",   "door",
        "dresser",    "flower_pot", "glass_box",   "guitar",   "keyboard",  "lamp",   "laptop",
        "mantel",     "monitor",    "night_stand", "person",   "piano",     "plant",  "radio",
        "range_hood", "sink",       "sofa",        "stairs",   "stool",     "table",  "tent",
        "toilet",     "tv_stand",   "vase",        "wardrobe", "xbox"}) {
    labels.categories.push_back({name, 0, {}});
  }
  return labels;
}

}  // namespace pointattn::datasets
