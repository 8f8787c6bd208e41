// SPDX-License-Identifier: Apache-2.0
#include "tests/text/intents.h"

#include "pointattn/core/random.h"
#include "pointattn/text/words.h"

namespace pointattn::test {
namespace {

using Texts = std::vector<std::string>;

const Texts kThings = {
    "chair", "lamp", "mug", "book", "bottle", "cushion", "towel", "plate", "vase", "blanket"};
const Texts kRooms = {
    "kitchen", "bedroom", "bathroom", "hallway", "office", "garage", "balcony", "cellar"};

/// A star stands for a thing, a hash for a room.
const std::vector<std::pair<std::string, Texts>> kIntents = {
    {"clean",
     {"Wipe the *!", "please vacuum the #", "the # is dirty, could you tidy it up", "dust the *"}},
    {"fetch",
     {"Bring me the *.", "please get the * from the #", "could you fetch my *", "hand me a *"}},
    {"find",
     {"Where is my *?", "have you seen the *", "did I lose the * in the #", "look for the *"}},
    {"go", {"Drive to the #.", "come to me in the #", "go back to your station", "wait in the #"}},
    {"light",
     {"Switch on the lights in the #", "it's too dark in the #", "dim the light near the *"}},
    {"stop", {"Stop at once!", "leave that * alone", "don't move", "halt before you hit the *"}},
};

std::string filled(const std::string& form, Random& random) {
  std::string text;
  for (const char c : form) {
    if (c == '*') {
      text += kThings[random.below(kThings.size())];
    } else if (c == '#') {
      text += kRooms[random.below(kRooms.size())];
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

train::LabelledSentences robot_orders(int64_t count, uint64_t seed) {
  Random random(seed);
  train::LabelledSentences data;
  for (const auto& [name, forms] : kIntents) data.classes.push_back(name);
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<size_t>(i) % kIntents.size();
    const Texts& forms = kIntents[label].second;
    data.sentences.push_back(filled(forms[random.below(forms.size())], random));
    data.labels.push_back(static_cast<int64_t>(label));
  }
  return data;
}

train::LabelledSentences misspelt(train::LabelledSentences data) {
  for (std::string& sentence : data.sentences) {
    text::Word longest;
    for (const text::Word& word : text::words_of(sentence)) {
      if (word.end - word.begin > longest.end - longest.begin) longest = word;
    }
    const size_t middle = (longest.begin + longest.end) / 2;
    std::swap(sentence[middle - 1], sentence[middle]);
  }
  return data;
}

}  // namespace pointattn::test
