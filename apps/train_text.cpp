// SPDX-License-Identifier: Apache-2.0
#include "apps/training.h"
#include "datasets/labelled_sentences.h"
#include "pointattn/text/train_classifier.h"

#include <memory>

namespace pointattn::apps {
namespace {

struct Settings {
  Shared shared;
  text::TextTrainOptions options;
  train::TrainRun where;
  std::string data;
};

int run(Settings& settings) {
  start(settings.shared);
  settings.options.seed = settings.shared.seed;
  const train::LabelledSentences data = datasets::read_labelled_sentences(settings.data);
  settings.where.provenance = provenance(settings.data);
  return report_result(
      settings.where,
      text::train_classifier(
          data, settings.options, settings.where, training_events(settings.shared)));
}

void add_network(CLI::App& app, text::TextTrainOptions& options) {
  text::SentenceEncoderOptions& encoder = options.network.encoder;
  const auto add = [&app](const char* name, auto& field, const char* help) {
    return app.add_option(name, field, help)->capture_default_str()->group("Network");
  };
  add("--hops", encoder.hops, "Rows of the attention matrix");
  add("--width", encoder.width, "Numbers of a word vector");
  add("--hidden", encoder.hidden, "State of the LSTM in each direction");
  add("--attention-hidden", encoder.attention_hidden, "Hidden layer of the attention");
  add("--head", options.network.head, "Hidden layer of the classifier");
  add("--min-count", options.vocabulary.min_count, "Rarer words have their n-grams only");
  add("--buckets", options.vocabulary.buckets, "Rows that the character n-grams share");
}

}  // namespace

Subcommand add_train_text(CLI::App& parent) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = parent.add_subcommand(
      "text", "Train a classifier of sentences by structured self-attention (intents)");
  command->add_option("--data", settings->data, "Labelled sentences (below)")
      ->required()
      ->type_name("FILE.tsv");
  add_run(*command, settings->where);
  text::TextTrainOptions& options = settings->options;
  add_loop_options(*command, options);
  const auto add = [command](const char* name, auto& field, const char* help) {
    command->add_option(name, field, help)->capture_default_str()->group("Training");
  };
  add("--penalty", options.penalty, "Weight of the penalty on hops that read the same words");
  add("--hold-out", options.hold_out, "Share of each class kept aside to choose the best epoch");
  add("--dropout", options.network.encoder.dropout, "Of numbers of the word vectors");
  add("--head-dropout", options.network.head_dropout, "In the classifier");
  add("--unknown", options.network.encoder.unknown, "Share of words shown by their n-grams only");
  add_network(*command, options);
  settings->shared.seed = options.seed;
  settings->shared.device = "cpu";
  add_shared(*command, settings->shared, false);
  command->footer(std::string("Data: a tab-separated UTF-8 table whose first line names the "
                              "columns sentence and class, a row a sentence.\n") +
                  kRunFooter);
  return {command, [settings] { return run(*settings); }};
}

}  // namespace pointattn::apps
