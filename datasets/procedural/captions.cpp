// SPDX-License-Identifier: Apache-2.0
#include "datasets/procedural/captions.h"

#include "datasets/procedural/random.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace pointattn::datasets {
namespace {

/// Sentences drawn for each that is asked for, before the facts count as exhausted.
constexpr int64_t kTries = 40;

/// Other words for the same thing. The first is the one that facts use.
const std::map<std::string, std::vector<std::string>>& synonyms() {
  static const std::map<std::string, std::vector<std::string>> words = [] {
    std::map<std::string, std::vector<std::string>> map;
    for (const std::vector<std::string>& same : std::vector<std::vector<std::string>>{
             {"airplane", "plane", "aircraft"},
             {"arm", "armrest"},
             {"arms", "armrests"},
             {"back", "backrest"},
             {"bookshelf", "bookcase", "shelf unit"},
             {"castor", "wheel", "small wheel"},
             {"conical", "cone shaped", "tapering"},
             {"crossbar", "stretcher", "cross bar"},
             {"curved", "bent", "curving"},
             {"cylindrical", "straight sided", "drum shaped"},
             {"domed", "dome shaped", "rounded"},
             {"fuselage", "body"},
             {"glasses", "spectacles", "eyeglasses"},
             {"headphones", "earphones"},
             {"mug", "coffee mug"},
             {"narrow", "slim"},
             {"oval", "elliptical"},
             {"padded", "cushioned", "soft"},
             {"rectangular", "oblong"},
             {"round", "circular"},
             {"slatted", "open"},
             {"sofa", "couch"},
             {"spindle", "rod", "bar"},
             {"splayed", "slanted", "spread"},
             {"swept", "swept back", "angled"},
             {"tall", "high"},
             {"thick", "chunky"},
             {"thin", "slim", "slender"},
             {"top", "tabletop", "surface"},
             {"wide", "broad"},
         }) {
      map[same.front()] = same;
    }
    return map;
  }();
  return words;
}

std::string other_word(const std::string& word, Random& random) {
  const auto found = synonyms().find(word);
  // The plainest word half of the time, as people do.
  if (found == synonyms().end() || random.chance(0.5)) return word;
  return found->second[random.below(found->second.size())];
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string plural(const std::string& noun) {
  if (const size_t of = noun.find(" of "); of != std::string::npos) {
    return plural(noun.substr(0, of)) + noun.substr(of);
  }
  if (ends_with(noun, "foot")) return noun.substr(0, noun.size() - 4) + "feet";
  if (ends_with(noun, "shelf")) return noun.substr(0, noun.size() - 1) + "ves";
  for (const char* end : {"s", "x", "ch", "sh"}) {
    if (ends_with(noun, end)) return noun + "es";
  }
  return noun + "s";
}

std::string with_article(const std::string& words) {
  const bool vowel = std::string_view("aeiou").find(words.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + words;
}

std::string number_word(int count) {
  static const char* const words[] = {
      "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};
  return count <= 10 ? words[count] : "many";
}

/// The noun behind some of the forms, at most two; each is told with probability `share`, but one at
/// least where `one` says so.
std::string described(const std::vector<std::string>& forms,
                      const std::string& noun,
                      double share,
                      bool one,
                      Random& random) {
  std::string words;
  int told = 0;
  for (size_t i = 0; i < forms.size(); ++i) {
    const bool last_chance = one && told == 0 && i + 1 == forms.size();
    if (told == 2 || !(last_chance || random.chance(share))) continue;
    words += other_word(forms[i], random) + " ";
    ++told;
  }
  return words + noun;
}

/// That a car has a body is not worth saying.
bool tells(const PartFact& fact) {
  return fact.count != 1 || !fact.forms.empty() || !fact.where.empty() ||
         fact.noun.find(' ') != std::string::npos;
}

std::string phrase_of(const PartFact& fact, Random& random) {
  const std::string noun = other_word(fact.noun, random);
  if (fact.count == 0) return "no " + noun;
  const bool single = fact.count == 1;
  std::string words = described(fact.forms, single ? noun : plural(noun), 0.7, single, random);
  // What has no form is told by its number or place.
  const bool plain = words.size() == (single ? noun : plural(noun)).size();
  if (single) {
    words = with_article(words);
  } else if (plain || random.chance(0.75)) {
    words = number_word(fact.count) + " " + words;
  }
  const bool placed = (single && plain) || random.chance(0.7);
  return placed && !fact.where.empty() ? words + " " + fact.where : words;
}

/// Turns of sentence about one shape.
class Speaker {
 public:
  Speaker(const ShapeFacts& facts, Random& random)
      : facts_(facts), random_(random), several_(ends_with(facts.name, "s")) {
    for (const PartFact& fact : facts.parts) {
      if (tells(fact)) worth_.push_back(&fact);
    }
  }

  std::string sentence() {
    // With nothing to say of the parts, or now and then, the whole alone.
    if (worth_.empty() || (!facts_.forms.empty() && random_.chance(0.08))) return whole(1.0);
    const std::vector<std::string> parts = some_parts();
    switch (random_.count(0, 5)) {
      case 0:
        return (several_ ? "this pair of " : "this ") + bare(0.3) + " has " + listed(parts);
      case 1:
        return listed({parts.begin(), parts.begin() + (parts.size() > 1 ? 2 : 1)}) + " on " +
               whole(0.2);
      case 2:
        return whole(0.7) + ", " + listed(parts, ", ");
      case 3:
        return whole(0.7) + (several_ ? " that have " : " that has ") + listed(parts);
      case 4:
        return the_whole_then(parts);
      default:
        return whole(0.7) + " with " + listed(parts);
    }
  }

 private:
  std::string bare(double share) {
    return described(facts_.forms, other_word(facts_.name, random_), share, false, random_);
  }

  std::string whole(double share) {
    const std::string words = bare(share);
    if (!several_) return with_article(words);
    return random_.chance(0.5) ? "a pair of " + words : words;
  }

  std::string the_whole_then(const std::vector<std::string>& parts) {
    std::string words = whole(0.8);
    const char* next = several_ ? ". they have " : ". it has ";
    for (const std::string& part : parts) words += next + part;
    return words;
  }

  /// One to four phrases about parts, in the order of building.
  std::vector<std::string> some_parts() {
    const auto all = static_cast<int>(worth_.size());
    int left = std::min(all, random_.chance(0.35) ? 1 : random_.count(2, 4));
    std::vector<std::string> phrases;
    for (int i = 0; i < all && left > 0; ++i) {
      // Each set of `left` facts is as likely as another (Fan et al. 1962).
      if (random_.count(1, all - i) > left) continue;
      phrases.push_back(phrase_of(*worth_[static_cast<size_t>(i)], random_));
      --left;
    }
    return phrases;
  }

  std::string listed(const std::vector<std::string>& parts, const char* last = " and ") {
    std::string words = parts.front();
    for (size_t i = 1; i < parts.size(); ++i) {
      words += (i + 1 == parts.size() ? last : ", ") + parts[i];
    }
    return words;
  }

  const ShapeFacts& facts_;
  Random& random_;
  bool several_;                        ///< "glasses"
  std::vector<const PartFact*> worth_;  ///< what to say of parts
};

}  // namespace

std::vector<std::string> captions_of(const ShapeFacts& facts, int64_t count, uint64_t seed) {
  TORCH_CHECK_VALUE(count >= 0 && !facts.name.empty(),
                    "captions: expected a named shape and a number of captions, got '",
                    facts.name,
                    "' and ",
                    count);
  Random random(mixed(seed, hash_of("captions")));
  std::vector<std::string> captions;
  for (int64_t tries = 0; tries / kTries < count; ++tries) {
    if (static_cast<int64_t>(captions.size()) == count) break;
    std::string sentence = Speaker(facts, random).sentence();
    if (std::find(captions.begin(), captions.end(), sentence) != captions.end()) continue;
    captions.push_back(std::move(sentence));
  }
  return captions;
}

}  // namespace pointattn::datasets
