// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pointattn/models/pickle.h"
#include "pointattn/models/torch_file.h"

#include <string>
#include <string_view>

/// The two formats of torch.save. Everything throws c10::ValueError.
namespace pointattn::models {

inline constexpr std::string_view kTorchArchive = "PK\x03\x04";
/// Before PyTorch 1.6 a file began with a pickle of one long number.
inline constexpr std::string_view kTorchOld(
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

/// Longest pickle that is read: of a hundred thousand tensors.
inline constexpr size_t kMaxPickle = size_t{16} << 20;

/// A zip archive: "data.pkl", and a file for each storage.
StateDict read_torch_archive(const std::string& bytes);
/// Four pickles (version, about the writing machine, the object, the keys of the storages in order),
/// then the storages one behind another, each behind its length.
StateDict read_torch_old(std::string_view bytes);

/// The tensors of the dictionary that `file` is, or has under one of the usual names.
StateDict tensors_in(const PickleValue& file);

/// Storages by key. Together they take no more memory than the file has bytes: archives that unpack
/// to more, or whose names share bytes, end here.
class TorchStorages {
 public:
  explicit TorchStorages(uint64_t budget) : left_(budget) {}

  /// The storage with this key; `fill` is called with a new one once the memory is granted. Its
  /// bytes are zero before.
  template <typename Fill>
  at::Tensor get(const std::string& key, at::ScalarType type, int64_t numel, const Fill& fill) {
    const auto found = loaded_.find(key);
    if (found != loaded_.end()) return checked(key, found->second, type, numel);
    const at::Tensor numbers = make(key, type, numel);
    fill(numbers);
    return numbers;
  }
  /// Takes a storage out, undefined when there is none.
  at::Tensor extract(const std::string& key);
  bool empty() const { return loaded_.empty(); }

 private:
  at::Tensor make(const std::string& key, at::ScalarType type, int64_t numel);
  static at::Tensor checked(const std::string& key,
                            const at::Tensor& numbers,
                            at::ScalarType type,
                            int64_t numel);

  uint64_t left_;
  std::map<std::string, at::Tensor> loaded_;
};

}  // namespace pointattn::models
