// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/torch_formats.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <caffe2/serialize/inline_container.h>
#include <cstring>

namespace pointattn::models {
namespace {

using caffe2::serialize::PyTorchStreamReader;

static_assert(std::endian::native == std::endian::little, "the numbers are copied as they are");

/// The bytes of a file as LibTorch's reader of archives wants them.
class Bytes : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit Bytes(const std::string& bytes) : bytes_(bytes) {}
  size_t size() const override { return bytes_.size(); }
  size_t read(uint64_t at, void* to, size_t wanted, const char* /*what*/) const override {
    if (at >= bytes_.size()) return 0;
    const size_t count = std::min<size_t>(wanted, bytes_.size() - at);
    std::memcpy(to, bytes_.data() + at, count);
    return count;
  }

 private:
  const std::string& bytes_;
};

/// Calls `read`, which uses LibTorch's reader: its errors tell of its own sources.
template <typename Read>
auto guarded(const Read& read) {
  try {
    return read();
  } catch (const std::exception&) {
    TORCH_CHECK_VALUE(false, "the archive is cut or damaged");
  }
}

class Archive {
 public:
  explicit Archive(const std::string& bytes)
      : reader_(guarded([&] {
          return std::make_unique<PyTorchStreamReader>(std::make_shared<Bytes>(bytes));
        })) {}

  bool has(const std::string& name) const {
    return guarded([&] { return reader_->hasRecord(name); });
  }
  uint64_t size(const std::string& name) const {
    return guarded([&] { return reader_->getRecordSize(name); });
  }
  void read(const std::string& name, void* to, size_t size) const {
    guarded([&] { return reader_->getRecord(name, to, size); });
  }
  /// A whole entry of at most `most` bytes.
  std::string text(const std::string& name, size_t most) const {
    const uint64_t bytes = size(name);
    TORCH_CHECK_VALUE(bytes <= most, name, " has ", bytes, " bytes, expected at most ", most);
    std::string text(bytes, '\0');
    read(name, text.data(), text.size());
    return text;
  }

 private:
  std::unique_ptr<PyTorchStreamReader> reader_;
};

}  // namespace

StateDict read_torch_archive(const std::string& bytes) {
  const Archive archive(bytes);
  TORCH_CHECK_VALUE(!archive.has("byteorder") || archive.text("byteorder", 16) == "little",
                    "expected little-endian numbers");
  TorchStorages storages(bytes.size());
  const auto storage = [&](const std::string& key, at::ScalarType type, int64_t numel) {
    return storages.get(key, type, numel, [&](const at::Tensor& numbers) {
      const std::string name = "data/" + key;
      const uint64_t size = archive.size(name);
      TORCH_CHECK_VALUE(size == numbers.nbytes(),
                        "storage ",
                        one_line(key),
                        ": expected ",
                        numbers.nbytes(),
                        " bytes, got ",
                        size);
      if (size > 0) archive.read(name, numbers.mutable_data_ptr(), size);
    });
  };
  const std::string pickle = archive.text("data.pkl", std::min(kMaxPickle, bytes.size()));
  PickleMachine machine(pickle, storage);
  return tensors_in(machine.load());
}

}  // namespace pointattn::models
