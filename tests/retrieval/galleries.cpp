// SPDX-License-Identifier: Apache-2.0
#include "tests/retrieval/galleries.h"

#include "pointattn/retrieval/search.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace pointattn::test {

retrieval::GalleryEntry shape_of(int64_t number, const retrieval::GalleryIdentity& identity) {
  const at::Generator random = at::detail::createCPUGenerator(static_cast<uint64_t>(number + 1));
  retrieval::GalleryEntry entry;
  entry.name = "shape " + std::to_string(number);
  entry.parts = at::randn({identity.parts, identity.width}, random) * 3;
  entry.part_names.resize(static_cast<size_t>(identity.parts));
  entry.part_names[0] = "leg";
  entry.part_names[1] = "Sitzfläche";
  entry.sketch = at::randn({20, 3}, random);
  for (int64_t i = 0; i < 20; ++i)
    entry.sketch_parts.push_back(static_cast<uint8_t>(i % identity.parts));
  entry.thumbnail = std::string("\x89PNG\0", 5) + std::to_string(number);
  return entry;
}

void build_gallery(const std::filesystem::path& folder,
                   int64_t first,
                   int64_t count,
                   const retrieval::GalleryIdentity& identity) {
  retrieval::GalleryWriter writer(folder, identity);
  for (int64_t i = first; i < first + count; ++i) writer.add(shape_of(i, identity));
  writer.commit();
}

void read_all(const std::filesystem::path& folder) {
  const retrieval::Gallery gallery(folder);
  for (int64_t i = 0; i < gallery.size(); ++i) (void)gallery.entry(i);
  (void)retrieval::search(gallery, at::ones({2, gallery.identity().width}), 5);
}

}  // namespace pointattn::test
