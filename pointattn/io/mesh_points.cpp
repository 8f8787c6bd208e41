// SPDX-License-Identifier: Apache-2.0
#include "pointattn/io/mesh_points.h"

#include "pointattn/io/scalars.h"

namespace pointattn::io {

template <class T>
void set_triples(Cloud& cloud,
                 const std::array<const char*, 3>& names,
                 const std::vector<std::array<T, 3>>& triples) {
  const auto rows = static_cast<int64_t>(triples.size());
  for (size_t axis = 0; axis < 3; ++axis) {
    Field field = make_field(names[axis], c10::CppTypeToScalarType<T>::value, 1, rows);
    T* to = field.values.mutable_data_ptr<T>();
    for (const auto& triple : triples) *to++ = triple[axis];
    cloud.fields.push_back(std::move(field));
  }
}

template void set_triples(Cloud&,
                          const std::array<const char*, 3>&,
                          const std::vector<std::array<float, 3>>&);
template void set_triples(Cloud&,
                          const std::array<const char*, 3>&,
                          const std::vector<std::array<double, 3>>&);

}  // namespace pointattn::io
