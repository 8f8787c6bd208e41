// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/safetensors.h"

#include "pointattn/core/files.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace pointattn::models {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian; so is every supported machine");

constexpr uint64_t kMaxHeader = 100ULL << 20;  // the limit of the format's reference implementation

struct TypeName {
  at::ScalarType type;
  const char* name;
};
constexpr TypeName kTypes[] = {
    {at::kDouble, "F64"},
    {at::kFloat, "F32"},
    {at::kHalf, "F16"},
    {at::kBFloat16, "BF16"},
    {at::kLong, "I64"},
    {at::kInt, "I32"},
    {at::kShort, "I16"},
    {at::kChar, "I8"},
    {at::kByte, "U8"},
    {at::kBool, "BOOL"},
};

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin;
  uint64_t end;
};

/// Reads one entry of the header; `data` is the number of bytes behind the header.
Entry parse_entry(const std::string& path,
                  const std::string& name,
                  const nlohmann::json& json,
                  uint64_t data) {
  const std::string type = json.at("dtype").get<std::string>();
  const auto* known = std::find_if(
      std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) { return type == t.name; });
  TORCH_CHECK(known != std::end(kTypes), path, ": tensor '", name, "' has an unknown type ", type);
  Entry entry{name, known->type, {}, 0, 0};
  uint64_t bytes = c10::elementSize(known->type);
  for (const nlohmann::json& size : json.at("shape")) {
    TORCH_CHECK(size.is_number_unsigned(),
                path,
                ": tensor '",
                name,
                "' has the shape ",
                json.at("shape").dump());
    const auto dim = size.get<uint64_t>();
    TORCH_CHECK(
        dim == 0 || bytes <= data / dim, path, ": tensor '", name, "' is larger than the file");
    bytes *= dim;
    entry.shape.push_back(static_cast<int64_t>(dim));
  }
  const nlohmann::json& range = json.at("data_offsets");
  TORCH_CHECK(range.is_array() && range.size() == 2 && range[0].is_number_unsigned() &&
                  range[1].is_number_unsigned(),
              path,
              ": tensor '",
              name,
              "' has the data range ",
              range.dump());
  entry.begin = range[0].get<uint64_t>();
  entry.end = range[1].get<uint64_t>();
  TORCH_CHECK(entry.begin <= entry.end && entry.end <= data && entry.end - entry.begin == bytes,
              path,
              ": tensor '",
              name,
              "' needs ",
              bytes,
              " bytes, its range is ",
              range.dump(),
              " of ",
              data);
  return entry;
}

}  // namespace

SafeTensors read_safetensors(const std::filesystem::path& file) {
  const std::string path = file.string();
  const std::string bytes = read_file(file);
  TORCH_CHECK(
      bytes.size() >= 8, path, ": expected a safetensors file, got ", bytes.size(), " bytes");
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  TORCH_CHECK(header <= kMaxHeader && header <= bytes.size() - 8,
              path,
              ": not a safetensors file, or a cut one (its header of ",
              header,
              " bytes does not fit ",
              bytes.size(),
              " bytes)");
  const uint64_t data = bytes.size() - 8 - header;

  SafeTensors contents;
  std::vector<Entry> entries;
  try {
    const nlohmann::json json = nlohmann::json::parse(bytes.data() + 8, bytes.data() + 8 + header);
    TORCH_CHECK(json.is_object(), path, ": expected a JSON object as header");
    for (const auto& [name, value] : json.items()) {
      if (name == "__metadata__") {
        contents.metadata = value.get<std::map<std::string, std::string>>();
      } else {
        entries.push_back(parse_entry(path, name, value, data));
      }
    }
  } catch (const nlohmann::json::exception& error) {
    TORCH_CHECK(false, path, ": bad safetensors header: ", error.what());
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    TORCH_CHECK(entry.begin == covered,
                path,
                ": tensor '",
                entry.name,
                "' overlaps another or leaves a gap");
    covered = entry.end;
    at::Tensor tensor = at::empty(entry.shape, entry.type);
    if (tensor.numel() > 0)
      std::memcpy(
          tensor.mutable_data_ptr(), bytes.data() + 8 + header + entry.begin, tensor.nbytes());
    contents.tensors[entry.name] = tensor;
  }
  TORCH_CHECK(covered == data, path, ": expected ", covered, " bytes of tensors, got ", data);
  return contents;
}

void write_safetensors(const std::filesystem::path& path, const SafeTensors& contents) {
  nlohmann::json header = nlohmann::json::object();
  if (!contents.metadata.empty()) header["__metadata__"] = contents.metadata;
  std::vector<at::Tensor> data;
  uint64_t end = 0;
  for (const auto& [name, tensor] : contents.tensors) {
    const auto* known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
      return tensor.scalar_type() == t.type;
    });
    TORCH_CHECK_VALUE(known != std::end(kTypes),
                      "safetensors: tensor '",
                      name,
                      "' has type ",
                      tensor.dtype().name());
    data.push_back(tensor.detach().to(at::kCPU).contiguous());
    header[name] = {{"dtype", known->name},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {end, end + data.back().nbytes()}}};
    end += data.back().nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  write_file(path, [&](std::ostream& out) {
    const uint64_t size = text.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof size);
    out.write(text.data(), static_cast<std::streamsize>(size));
    for (const at::Tensor& tensor : data) {
      if (tensor.numel() == 0) continue;
      out.write(static_cast<const char*>(tensor.const_data_ptr()),
                static_cast<std::streamsize>(tensor.nbytes()));
    }
  });
}

}  // namespace pointattn::models
