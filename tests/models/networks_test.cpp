// SPDX-License-Identifier: Apache-2.0
#include "pointattn/models/network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

namespace pointattn::models {
namespace {

/// `categories` categories with `parts` parts in all, shared out as evenly as they go.
LabelMap labels(int64_t categories, int64_t parts) {
  LabelMap map;
  for (int64_t c = 0; c < categories; ++c) {
    Category category{"category " + std::to_string(c), parts * c / categories, {}};
    while (category.first_part + static_cast<int64_t>(category.parts.size()) <
           parts * (c + 1) / categories) {
      category.parts.push_back({"part", {}});
    }
    map.categories.push_back(category);
  }
  return map;
}

std::shared_ptr<Network> make(const std::string& name,
                              Task task,
                              int64_t categories = 3,
                              int64_t parts = 7) {
  at::manual_seed(11);
  return make_network({name,
                       task,
                       nlohmann::json::object(),
                       labels(categories, task == Task::kSegment ? parts : 0)});
}

struct Case {
  const char* name;
  Task task;
};
void PrintTo(const Case& entry, std::ostream* out) {
  *out << entry.name << ' ' << to_string(entry.task);
}

std::vector<Case> every_network() {
  std::vector<Case> cases;
  for (const Architecture& entry : architectures()) {
    for (const Task task : entry.tasks) cases.push_back({entry.name.c_str(), task});
  }
  return cases;
}

TEST(Parameters, AreThoseOfThePublishedNetworks) {
  EXPECT_EQ(parameter_count(*make("pct", Task::kClassify, 40)), 2'876'136);
  EXPECT_EQ(parameter_count(*make("pct", Task::kSegment, 16, 50)), 2'446'130);
  EXPECT_EQ(parameter_count(*make("npct", Task::kClassify, 40)), 1'360'552);
  EXPECT_EQ(parameter_count(*make("spct", Task::kClassify, 40)), 1'360'552);
  EXPECT_EQ(parameter_count(*make("spct", Task::kSegment, 16, 50)), 2'446'130);
  EXPECT_EQ(parameter_count(*make("point_transformer", Task::kClassify, 40)), 5'073'266);
  EXPECT_EQ(parameter_count(*make("point_transformer", Task::kSegment, 16, 50)), 7'777'046);
  EXPECT_EQ(parameter_count(*make("pointnet2", Task::kClassify, 40)), 1'475'688);
  EXPECT_EQ(parameter_count(*make("pointnet2", Task::kSegment, 16, 50)), 1'410'674);
  EXPECT_EQ(parameter_count(*make("rscnn_ssn", Task::kClassify, 40)), 1'289'505);
  EXPECT_EQ(parameter_count(*make("rscnn_msn", Task::kSegment, 16, 50)), 3'488'705);
  EXPECT_EQ(parameter_count(*make("dgcnn", Task::kClassify, 40)), 1'809'576);
  EXPECT_EQ(parameter_count(*make("dgcnn", Task::kSegment, 16, 50)), 1'460'361);
}

TEST(Parameters, OfPvNetAreThoseOfItsLayers) {
  const auto norm = [](int64_t channels) { return 2 * channels; };
  const int64_t views = 9 * (1 * 16 + 16 * 32 + 32 * 64 + 64 * 128) + norm(16 + 32 + 64 + 128) +
                        128 * 4 * 4 * 256 + norm(256);
  const int64_t edges = 2 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 256) + norm(64 + 64 + 128 + 256);
  const int64_t fusions = (128 + 256) * 128 + norm(128) + (128 + 1) * 128 + (256 + 256) * 256 +
                          norm(256) + (256 + 1) * 256;
  const int64_t head = 512 * 1024 + norm(1024) + 1280 * 512 + norm(512) + (512 + 1) * 256 +
                       norm(256) + (256 + 1) * 40;
  EXPECT_EQ(views + edges + fusions + head, 2'301'848);
  EXPECT_EQ(parameter_count(*make("pvnet", Task::kClassify, 40)), 2'301'848);
}

TEST(PvNet, RefusesOptionsThatCannotBeMeant) {
  for (const nlohmann::json& options : {nlohmann::json{{"views", 0}},
                                        nlohmann::json{{"views", 1000}},
                                        nlohmann::json{{"view_size", 40}},
                                        nlohmann::json{{"view_size", 1 << 20}},
                                        nlohmann::json{{"neighbors", -1}}}) {
    EXPECT_THROW(make_network({"pvnet", Task::kClassify, options, labels(2, 0)}), c10::ValueError)
        << options;
  }
}

TEST(Registry, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(make_network({"pctt", Task::kSegment, {}, labels(2, 4)}), c10::ValueError);
  EXPECT_THROW(make_network({"pct_unet", Task::kClassify, nlohmann::json::object(), labels(2, 0)}),
               c10::ValueError);
  EXPECT_THROW(make_network({"pct", Task::kSegment, {{"layers", 5}}, labels(2, 4)}),
               c10::ValueError);
  for (const nlohmann::json& options :
       {nlohmann::json{{"non_local", "gauss"}}, nlohmann::json{{"non_local", 3}}}) {
    EXPECT_THROW(make_network({"pct", Task::kSegment, options, labels(2, 4)}), c10::ValueError);
  }
  EXPECT_THROW((void)task_from("cluster"), c10::ValueError);
}

class Networks : public testing::TestWithParam<Case> {
 protected:
  bool segments() const { return GetParam().task == Task::kSegment; }
  std::shared_ptr<Network> network() const { return make(GetParam().name, GetParam().task); }
};

TEST_P(Networks, ShapesOfRaggedBatches) {
  const auto net = network();
  net->eval();
  const at::NoGradGuard no_grad;
  const PointBatch batch =
      PointBatch::of({at::rand({37, 3}), at::rand({150, 3}), at::rand({1, 3})});
  const Scores out =
      net->forward(batch, at::tensor(std::vector<int64_t>{0, 2, kUnknownCategory}, at::kLong));
  EXPECT_EQ(out.scores.size(0), segments() ? 188 : 3);
  EXPECT_EQ(out.scores.size(1), segments() ? 7 : 3);
  EXPECT_TRUE(out.scores.isfinite().all().item<bool>());
  if (out.category.defined()) {
    EXPECT_EQ(out.category.sizes(), (std::vector<int64_t>{3, 3}));
  }
}

TEST_P(Networks, AFeatureOfAClassifierDescribesEachCloud) {
  const auto net = network();
  net->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor a = at::rand({90, 3}) - 0.5;
  const at::Tensor b = at::rand({70, 3}) * at::tensor({1.0F, 0.1F, 0.3F}) - 0.5;
  const at::Tensor category = at::tensor(std::vector<int64_t>{0, 1, 2}, at::kLong);
  const at::Tensor feature = net->forward(PointBatch::of({a, b, a}), category).feature;
  EXPECT_EQ(feature.defined(), !segments());
  if (segments()) return;
  ASSERT_EQ(feature.dim(), 2);
  EXPECT_EQ(feature.size(0), 3);
  const double same = (feature[0] - feature[2]).abs().max().item<double>();
  const double other = (feature[0] - feature[1]).abs().max().item<double>();
  EXPECT_LT(same, 1e-4 * feature.abs().max().item<double>());
  EXPECT_GT(other, 10 * same);  // fresh weights tell little apart
  EXPECT_GT(other, 0);
}

TEST_P(Networks, OrderOfThePointsDoesNotMatter) {
  const auto net = network();
  net->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor xyz = at::rand({300, 3}) * 2 - 1;
  // The first point stays: farthest point sampling starts there.
  const at::Tensor order = at::cat({at::zeros({1}, at::kLong), at::randperm(299, at::kLong) + 1});
  const at::Tensor category = at::tensor({1}, at::kLong);
  const at::Tensor scores = net->forward(PointBatch::of({xyz}), category).scores;
  const at::Tensor mixed =
      net->forward(PointBatch::of({xyz.index_select(0, order)}), category).scores;
  const at::Tensor expected = segments() ? scores.index_select(0, order) : scores;
  EXPECT_LT((mixed - expected).abs().max().item<double>(),
            1e-3 * (1 + expected.abs().max().item<double>()));
}

TEST_P(Networks, ACloudAloneIsTheCloudInABatch) {
  const auto net = network();
  net->eval();
  const at::NoGradGuard no_grad;
  const at::Tensor a = at::rand({120, 3});
  const at::Tensor b = at::rand({200, 3});
  const at::Tensor both =
      net->forward(PointBatch::of({a, b}), at::tensor({0, 1}, at::kLong)).scores;
  const at::Tensor alone = net->forward(PointBatch::of({b}), at::tensor({1}, at::kLong)).scores;
  const at::Tensor mine = segments() ? both.narrow(0, 120, 200) : both.narrow(0, 1, 1);
  EXPECT_LT((mine - alone).abs().max().item<double>(),
            1e-3 * (1 + alone.abs().max().item<double>()));
}

at::Tensor scores_of(Network& net, const PointBatch& batch, const at::Tensor& category) {
  const at::NoGradGuard no_grad;
  return net.forward(batch, category).scores;
}

TEST_P(Networks, FrozenComputesTheSame) {
  const auto net = network();
  // More points than inference takes at a time, in one cloud and over the batch.
  const PointBatch batch =
      PointBatch::of({at::rand({2500, 3}), at::rand({37, 3}), at::rand({1200, 3})});
  const at::Tensor category = at::tensor(std::vector<int64_t>{0, kUnknownCategory, 2}, at::kLong);
  net->train();
  for (int step = 0; step < 5; ++step) scores_of(*net, batch, category);
  net->eval();
  const at::Tensor plain = scores_of(*net, batch, category);
  freeze(*net);
  EXPECT_FALSE(net->is_training());
  const double scale = 1 + plain.abs().max().item<double>();
  EXPECT_LT((scores_of(*net, batch, category) - plain).abs().max().item<double>(), 1e-5 * scale);
}

TEST_P(Networks, FrozenInBfloat16StaysNear) {
  const auto net = network();
  const PointBatch batch = PointBatch::of({at::rand({700, 3}), at::rand({300, 3})});
  const at::Tensor category = at::tensor({0, 1}, at::kLong);
  freeze(*net);
  const at::Tensor exact = scores_of(*net, batch, category);
  freeze(*net, nn::Precision::kBFloat16);
  const at::Tensor near = scores_of(*net, batch, category);
  EXPECT_EQ(near.scalar_type(), at::kFloat);
  const double error = (near - exact).abs().max().item<double>();
  EXPECT_LT(error, 0.1 * (1 + exact.abs().max().item<double>()));
  EXPECT_GT(error, 0) << "the products were not reduced";
}

TEST_P(Networks, TrainingThawsAFrozenNetwork) {
  const auto net = network();
  const PointBatch batch = PointBatch::of({at::rand({60, 3}), at::rand({90, 3})});
  const at::Tensor category = at::tensor({0, 1}, at::kLong);
  freeze(*net);
  const at::Tensor before = scores_of(*net, batch, category);
  net->train();
  for (int step = 0; step < 3; ++step) scores_of(*net, batch, category);  // moves the statistics
  net->eval();
  const at::Tensor after = scores_of(*net, batch, category);
  EXPECT_GT((after - before).abs().max().item<double>(), 1e-3);
  freeze(*net);
  EXPECT_LT((scores_of(*net, batch, category) - after).abs().max().item<double>(),
            1e-5 * (1 + after.abs().max().item<double>()));
}

TEST_P(Networks, LearnsOneBatchByHeart) {
  const auto net = network();
  at::manual_seed(12);
  const PointBatch batch =
      PointBatch::of({at::rand({96, 3}), at::rand({96, 3}), at::rand({96, 3})});
  const at::Tensor category = at::tensor({0, 1, 2}, at::kLong);
  // Parts by height: the same rule in every cloud.
  const at::Tensor truth = segments() ? (batch.xyz.select(1, 1) * 6.999).to(at::kLong) : category;
  torch::optim::AdamW optimizer(net->parameters(), torch::optim::AdamWOptions(2e-3));
  net->train();
  double first = 0;
  double last = 0;
  for (int step = 0; step < 25; ++step) {
    optimizer.zero_grad();
    const at::Tensor loss = at::cross_entropy_loss(net->forward(batch, category).scores, truth);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  EXPECT_LT(last, 0.6 * first);
}

TEST_P(Networks, CarryANonLocalBlockThatStartsAsNothing) {
  const PointBatch batch = PointBatch::of({at::rand({90, 3}), at::rand({1, 3})});
  const at::Tensor category = at::tensor({0, 1}, at::kLong);
  const at::Tensor plain = [&] {
    const auto net = network();
    net->eval();
    return scores_of(*net, batch, category);
  }();
  for (const std::string& kind : nn::non_local_kinds()) {
    at::manual_seed(11);  // the block comes last, so all else gets the weights of network()
    const auto net = make_network({GetParam().name,
                                   GetParam().task,
                                   {{"non_local", kind}, {"non_local_keys", 32}},
                                   labels(3, segments() ? 7 : 0)});
    net->eval();
    EXPECT_TRUE(scores_of(*net, batch, category).equal(plain)) << kind;
    const at::NoGradGuard no_grad;
    bool found = false;
    for (const auto& entry : net->named_parameters()) {
      if (entry.key() != "non_local.out.norm.weight") continue;
      entry.value().fill_(1);
      found = true;
    }
    ASSERT_TRUE(found);
    EXPECT_FALSE(scores_of(*net, batch, category).equal(plain)) << kind << " is not used";
  }
}

TEST_P(Networks, RefusesMalformedBatches) {
  const auto net = network();
  net->eval();
  const at::Tensor category = at::tensor({0}, at::kLong);
  EXPECT_THROW(net->forward({at::rand({5, 2}), {}, at::tensor({0, 5}, at::kLong)}, category),
               c10::ValueError);
  EXPECT_THROW(net->forward({at::rand({5, 3}), {}, at::tensor({0, 4}, at::kLong)}, category),
               c10::ValueError);
  if (segments()) {
    EXPECT_THROW(net->forward(PointBatch::of({at::rand({5, 3})}), at::tensor({9}, at::kLong)),
                 c10::ValueError);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Networks, testing::ValuesIn(every_network()), [](const auto& entry) {
  return std::string(entry.param.name) + "_" + to_string(entry.param.task);
});

}  // namespace
}  // namespace pointattn::models
