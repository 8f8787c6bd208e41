// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/public_names.h"

#include "pointattn/models/module_tensors.h"
#include "tests/support/data.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::models {
namespace {

constexpr int64_t kCategories = 3;

/// Three categories, with two parts each for segmentation.
LabelMap labels(Task task) {
  LabelMap map;
  for (int64_t c = 0; c < kCategories; ++c) {
    Category category{"kind " + std::to_string(c), 0, {}};
    if (task == Task::kSegment) {
      category.first_part = 2 * c;
      category.add("one");
      category.add("two");
    }
    map.categories.push_back(category);
  }
  return map;
}

Model random_model(const std::string& architecture, Task task, nlohmann::json options = {}) {
  at::manual_seed(31);
  if (options.is_null()) options = nlohmann::json::object();
  Model model{{architecture, task, options, labels(task)}, {}, nullptr};
  model.network = make_network(model.spec);
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_of(*model.network)) {
    at::Tensor(tensor).uniform_(0.1, 1);
    // What the public network of Point Transformer lacks.
    if (name == "dec5.0.category.weight") at::Tensor(tensor).zero_();
  }
  return model;
}

class PublicNetworks : public testing::TestWithParam<PublicNetwork> {
 protected:
  Model model() const { return random_model(GetParam().architecture, GetParam().task); }
  ImportOptions options() const {
    return {GetParam().architecture,
            GetParam().task,
            nlohmann::json::object(),
            labels(GetParam().task)};
  }
  /// Message of the error that importing these tensors throws, one line with the file's name.
  std::string error_of(const SafeTensors& file) const {
    const test::ScratchFolder folder;
    write_safetensors(folder / "public", file);
    try {
      (void)import_model(folder / "public", options());
    } catch (const c10::Error& error) {
      const std::string message = error.what_without_backtrace();
      EXPECT_NE(message.find("public: "), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      return message;
    }
    return "no error";
  }
  void expect_error(const SafeTensors& file, const std::string& part) const {
    const std::string message = error_of(file);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
};

TEST_P(PublicNetworks, ExportThenImportChangesNothing) {
  const test::ScratchFolder folder;
  const Model before = model();
  const SafeTensors exported = public_tensors(before);
  for (const bool parallel : {false, true}) {
    SafeTensors file;
    for (const auto& [name, tensor] : exported.tensors) {
      file.tensors[(parallel ? "module." : "") + name] = tensor;
    }
    write_safetensors(folder / "public", file);
    const Model after = import_model(folder / "public", options());
    EXPECT_FALSE(after.network->is_training());
    const auto expected = tensors_of(*before.network);
    const auto got = tensors_of(*after.network);
    ASSERT_EQ(got.size(), expected.size());
    for (const auto& [name, tensor] : expected) EXPECT_TRUE(got.at(name).equal(tensor)) << name;
  }
}

TEST_P(PublicNetworks, ASharedTensorMayStandOnce) {
  SafeTensors file = public_tensors(model());
  for (const PublicTensor& tensor : GetParam().tensors) {
    if (tensor.names.size() > 1) file.tensors.erase(tensor.names.back());
  }
  for (const std::string& counter : GetParam().counters) file.tensors.erase(counter);
  EXPECT_EQ(error_of(file), "no error");
}

TEST_P(PublicNetworks, WhatDoesNotFitIsNamed) {
  const SafeTensors good = public_tensors(model());
  const std::vector<PublicTensor>& tensors = GetParam().tensors;
  for (size_t i = 0; i < tensors.size(); i += tensors.size() / 8) {
    const std::string quoted = "tensor '" + tensors[i].names.front() + "'";
    SafeTensors file = good;
    for (const std::string& name : tensors[i].names) file.tensors.erase(name);
    expect_error(file, quoted + " is missing;");
    for (const std::string& name : tensors[i].names) {
      file.tensors[name] = good.tensors.at(name).unsqueeze(-1);
    }
    expect_error(file, quoted + ": expected shape [");
  }
  SafeTensors more = good;
  more.tensors["further"] = at::ones({1});
  expect_error(more, "tensor 'further' does not belong");
  expect_error({}, "is missing and ");
}

TEST_P(PublicNetworks, TwoNamesOfOneTensorMustAgree) {
  const SafeTensors good = public_tensors(model());
  for (const PublicTensor& tensor : GetParam().tensors) {
    if (tensor.names.size() < 2) continue;
    SafeTensors file = good;
    file.tensors[tensor.names[1]] = file.tensors[tensor.names[1]] + 1;
    expect_error(file, "tensors '" + tensor.names[0] + "' and '" + tensor.names[1] + "'");
    return;
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         PublicNetworks,
                         testing::ValuesIn(public_networks()),
                         [](const auto& entry) {
                           return entry.param.architecture + "_" + to_string(entry.param.task);
                         });

TEST(PublicNames, LabelsMustFitTheFile) {
  const test::ScratchFolder folder;
  const auto import = [&](Task task, std::optional<LabelMap> names) {
    write_safetensors(folder / "public", public_tensors(random_model("dgcnn", task)));
    return import_model(folder / "public",
                        {"dgcnn", task, nlohmann::json::object(), std::move(names)});
  };
  const Model model = import(Task::kClassify, std::nullopt);
  EXPECT_EQ(model.spec.labels.num_categories(), kCategories);
  EXPECT_EQ(model.spec.labels.categories[2].name, "class 2");
  LabelMap few = labels(Task::kSegment);
  few.categories.pop_back();
  EXPECT_THROW(import(Task::kClassify, few), c10::Error);
  EXPECT_THROW(import(Task::kSegment, few), c10::Error);
  EXPECT_THROW(import(Task::kSegment, std::nullopt), c10::Error);
}

TEST(PublicNames, NetworksWithoutATableAreRefused) {
  try {
    (void)public_tensors(random_model("spct", Task::kClassify));
    FAIL() << "spct has no public names";
  } catch (const c10::ValueError& error) {
    const std::string message = error.what_without_backtrace();
    EXPECT_NE(message.find("known: pct (classify, Strawberry"), std::string::npos) << message;
  }
  const Model non_local =
      random_model("dgcnn", Task::kClassify, {{"non_local", "embedded_gaussian"}});
  EXPECT_THROW((void)public_tensors(non_local), c10::ValueError);
  const Model with_category = random_model("point_transformer", Task::kSegment);
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_of(*with_category.network)) at::Tensor(tensor).fill_(0.5);
  EXPECT_THROW((void)public_tensors(with_category), c10::ValueError);
}

}  // namespace
}  // namespace pointattn::models
