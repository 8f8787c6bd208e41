// SPDX-License-Identifier: Apache-2.0
#include "pointattn/text/words.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <utf8proc.h>

namespace pointattn::text {
namespace {

constexpr utf8proc_int32_t kZeroWidthSpace = 0x200B;
constexpr utf8proc_int32_t kRightQuote = 0x2019;

/// A code point of the case-folded compatibility decomposition and where it comes from.
struct Piece {
  utf8proc_int32_t code;
  size_t begin;
  size_t end;
};

enum class Kind {
  kOther,
  kLetter,
  kDigit,  ///< decimal digits
  kMark,
  kAlone,     ///< letter of a script without spaces
  kModifier,  ///< modifier letter of such a script
  kApostrophe,
  kPoint,  ///< point or comma
};

bool without_spaces(utf8proc_int32_t code) {
  struct Range {
    utf8proc_int32_t first;
    utf8proc_int32_t last;
  };
  static constexpr Range kRanges[] = {
      {0x0E00, 0x0EFF},    // Thai, Lao
      {0x1000, 0x109F},    // Myanmar
      {0x1780, 0x17FF},    // Khmer
      {0x3005, 0x3007},    // 々 〆 〇
      {0x3021, 0x30FF},    // Hangzhou numerals, Hiragana, Katakana
      {0x31F0, 0x31FF},    // small Katakana
      {0x3400, 0x4DBF},    // Han
      {0x4E00, 0x9FFF},    //
      {0xA9E0, 0xA9FF},    // Myanmar
      {0xAA60, 0xAA7F},    //
      {0xF900, 0xFAFF},    // Han that has no decomposition
      {0x1B000, 0x1B16F},  // Kana
      {0x20000, 0x3FFFF},  // Han
  };
  return std::any_of(std::begin(kRanges), std::end(kRanges), [&](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

Kind kind_of(utf8proc_int32_t code) {
  if (code == '\'') return Kind::kApostrophe;
  if (code == '.' || code == ',') return Kind::kPoint;
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return Kind::kMark;
    case UTF8PROC_CATEGORY_ND:
      return Kind::kDigit;
    case UTF8PROC_CATEGORY_LM:
      return without_spaces(code) ? Kind::kModifier : Kind::kLetter;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return without_spaces(code) ? Kind::kAlone : Kind::kLetter;
    default:
      return Kind::kOther;
  }
}

/// The code point at `position` and its length in bytes.
std::pair<utf8proc_int32_t, size_t> code_at(std::string_view utf8, size_t position) {
  utf8proc_int32_t code = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()) + position;
  const auto left = static_cast<utf8proc_ssize_t>(utf8.size() - position);
  const utf8proc_ssize_t length = utf8proc_iterate(bytes, left, &code);
  if (length <= 0 || code < 0) {
    std::ostringstream byte;
    byte << "0x" << std::hex << std::setw(2) << std::setfill('0') << int{*bytes};
    TORCH_CHECK_VALUE(
        false, "words_of: expected UTF-8, got the byte ", byte.str(), " at position ", position);
  }
  return {code, static_cast<size_t>(length)};
}

std::vector<Piece> decompose(std::string_view utf8) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  std::array<utf8proc_int32_t, 64> codes{};  // the longest decomposition has 18
  std::vector<Piece> pieces;
  pieces.reserve(utf8.size());
  for (size_t position = 0; position < utf8.size();) {
    const auto [code, length] = code_at(utf8, position);
    int boundary = 0;
    utf8proc_ssize_t count = 1;
    codes[0] = ' ';
    // The zero-width space is ignorable, but it stands between words.
    if (code != kZeroWidthSpace) {
      count = utf8proc_decompose_char(code, codes.data(), codes.size(), kOptions, &boundary);
    }
    TORCH_INTERNAL_ASSERT(count >= 0 && count <= static_cast<utf8proc_ssize_t>(codes.size()));
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const utf8proc_int32_t piece = codes[static_cast<size_t>(i)];
      pieces.push_back({piece == kRightQuote ? '\'' : piece, position, position + length});
    }
    position += length;
  }
  return pieces;
}

/// Canonical order of marks, then composition. Sorting here keeps a long run of marks out of
/// utf8proc's own sort, which takes quadratic time.
std::string compose(std::vector<utf8proc_int32_t>& codes) {
  const auto combining_class = [](utf8proc_int32_t code) {
    return utf8proc_get_property(code)->combining_class;
  };
  for (auto first = codes.begin(); first != codes.end();) {
    const auto mark = [&](utf8proc_int32_t code) { return combining_class(code) != 0; };
    const auto begin = std::find_if(first, codes.end(), mark);
    first = std::find_if_not(begin, codes.end(), mark);
    std::stable_sort(begin, first, [&](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
  }
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t length =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()), kOptions);
  TORCH_INTERNAL_ASSERT(length >= 0);
  std::string text;
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const utf8proc_ssize_t count =
        utf8proc_encode_char(codes[static_cast<size_t>(i)], bytes.data());
    text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(count));
  }
  return text;
}

/// Gathers pieces into words.
class Splitter {
 public:
  explicit Splitter(const std::vector<Piece>& pieces) : pieces_(pieces) {}

  std::vector<Word> split() {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const Kind kind = kind_of(pieces_[i].code);
      const bool begins = kind != Kind::kMark && kind != Kind::kOther &&
                          kind != Kind::kApostrophe && kind != Kind::kPoint;
      if (!codes_.empty() && goes_on(kind, i)) {
        take(i);
      } else {
        close();
        if (!begins) continue;
        take(i);
        alone_ = kind == Kind::kAlone || kind == Kind::kModifier;
      }
      // A mark leaves the kind of the letter that it stands on.
      if (kind != Kind::kMark) last_ = kind;
    }
    close();
    return std::move(words_);
  }

 private:
  /// Whether piece i belongs to the word that is open.
  bool goes_on(Kind kind, size_t i) const {
    const Kind next = i + 1 < pieces_.size() ? kind_of(pieces_[i + 1].code) : Kind::kOther;
    switch (kind) {
      case Kind::kMark:
        return true;
      case Kind::kModifier:
        return alone_;
      case Kind::kLetter:
      case Kind::kDigit:
        return !alone_;
      case Kind::kApostrophe:
        return !alone_ && last_ == Kind::kLetter && next == Kind::kLetter;
      case Kind::kPoint:
        return last_ == Kind::kDigit && next == Kind::kDigit;
      default:
        return false;
    }
  }

  void take(size_t i) {
    if (codes_.empty()) begin_ = pieces_[i].begin;
    end_ = pieces_[i].end;
    codes_.push_back(pieces_[i].code);
  }

  void close() {
    if (!codes_.empty()) words_.push_back({compose(codes_), begin_, end_});
    codes_.clear();
  }

  const std::vector<Piece>& pieces_;
  std::vector<Word> words_;
  std::vector<utf8proc_int32_t> codes_;  ///< of the open word
  size_t begin_ = 0;
  size_t end_ = 0;
  bool alone_ = false;  ///< the open word is of a script without spaces
  Kind last_ = Kind::kOther;
};

}  // namespace

std::vector<Word> words_of(std::string_view utf8) { return Splitter(decompose(utf8)).split(); }

}  // namespace pointattn::text
