// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caffe2/serialize/inline_container.h>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

/// Pickles and archives made by hand, as torch.save makes them or as it never would.
namespace pointattn::test::pickles {

/// The bytes of a number.
template <typename T>
inline std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// What pickles are made of.
inline const std::string kStart = "\x80\x02";
inline const std::string kEnd = ".";
inline std::string text(const std::string& words) {
  return std::string("X") + raw(static_cast<uint32_t>(words.size())) + words;
}
inline std::string whole(int32_t number) { return std::string("J") + raw(number); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string all = "(";
  for (const std::string& item : items) all += item;
  return all + "t";
}
inline std::string tuple(const std::vector<int32_t>& numbers) {
  std::vector<std::string> items;
  for (const int32_t number : numbers) items.push_back(whole(number));
  return tuple(items);
}
inline std::string dict(const std::vector<std::string>& keys_and_values) {
  std::string all = "}(";
  for (const std::string& item : keys_and_values) all += item;
  return all + "u";
}
inline std::string storage(const std::string& key,
                           int32_t numel,
                           const std::string& type = "Float") {
  return tuple(std::vector{text("storage"),
                           global("torch", type + "Storage"),
                           text(key),
                           text("cpu"),
                           whole(numel)}) +
         "Q";
}
inline const std::string kNoHooks = global("collections", "OrderedDict") + ")R";
inline std::string tensor(const std::string& storage,
                          int32_t offset,
                          const std::vector<int32_t>& size,
                          const std::vector<int32_t>& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") +
         tuple(std::vector{
             storage, whole(offset), tuple(size), tuple(stride), std::string("\x89"), kNoHooks}) +
         "R";
}

/// A file of an archive.
struct Record {
  std::string name;
  std::string bytes;
  bool compress = false;
};

inline std::string archive(const std::vector<Record>& records) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  for (const Record& record : records) {
    writer.writeRecord(record.name, record.bytes.data(), record.bytes.size(), record.compress);
  }
  writer.writeEndOfFile();
  return bytes;
}

inline std::string floats(int64_t count) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) bytes += raw(static_cast<float>(i));
  return bytes;
}

}  // namespace pointattn::test::pickles
