// SPDX-License-Identifier: Apache-2.0
#include "datasets/samples.h"

#include "pointattn/io/cloud.h"
#include "tests/datasets/messages.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pointattn::datasets {
namespace {

TEST(Samples, TheFilesAreWhatTheGeneratorMakes) {
  for (const std::string& name : sample_categories()) {
    const io::Cloud cloud =
        io::read_cloud(std::string(POINTATTN_SAMPLES) + "/" + name + "_sample.ply");
    ASSERT_EQ(cloud.points(), 2048) << name;
    EXPECT_EQ(cloud.fields.size(), 3U) << "a raw scan has coordinates only";
    // Compilers may differ in the last bits of sine and cosine.
    EXPECT_TRUE(at::allclose(cloud.xyz().to(at::kFloat), sample_scan(name), 1e-5, 1e-5)) << name;
  }
}

TEST(Samples, UnknownNamesAreTold) { EXPECT_COMPLAINT(sample_scan("chiar"), "chiar", "chair"); }

}  // namespace
}  // namespace pointattn::datasets
