// What a node answers of a spec before anybody submits it: all that is refused, by whom and why.
#include "agent/jobs/queries/spec_query.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "agent/jobs/queries/spec_refusals.h"
#include "node_fixture.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ContainerSpec spec_from(const std::string& text) {
  Faults faults;
  ContainerSpec spec = read_container_spec(json::parse(text).value(), "/spec", faults);
  EXPECT_TRUE(faults.empty());
  return spec;
}

std::vector<std::string> pointers(const std::string& spec, const SpecCheck& check) {
  ContainerSpec left;
  std::vector<std::string> found;
  const auto refusals = all_refusals(spec_from(spec), check, system::Stop(), left);
  EXPECT_TRUE(refusals);
  for (const SpecRefusal& refusal : refusals.value_or(std::vector<SpecRefusal>())) {
    found.push_back(refusal.pointer);
  }
  return found;
}

std::string with_variables(int count) {
  json::Object env;
  for (int i = 0; i < count; ++i) {
    env.append("V" + std::to_string(i), "");
  }
  return json::write(json::Object{{"env", std::move(env)}});
}

TEST(SpecRefusalsTest, EachIsFoundByTheSmallestMemberThatItIsAbout) {
  const SpecCheck check = [](const ContainerSpec& spec) -> Result<> {
    if (spec.resources.swap_mib != 0) {
      return fail(Code::refused, "no swap");
    }
    for (const DeviceSpec& device : spec.devices) {
      if (device.path == "/dev/sda") {
        return fail(Code::refused, "not that device");
      }
    }
    return spec.hostname.empty() ? Result<>() : fail(Code::refused, "no names");
  };
  EXPECT_THAT(pointers(R"({"image":"oci:/i:t","hostname":"a","resources":{"memory_mib":64,
                           "swap_mib":8},"devices":[{"path":"/dev/fuse"},{"path":"/dev/sda"}]})",
                       check),
              ElementsAre("/spec/resources/swap_mib", "/spec/devices/1", "/spec/hostname"));
  EXPECT_THAT(pointers("{}", check), ElementsAre());
}

TEST(SpecRefusalsTest, ElementsHaveTheNumbersThatTheyHaveInTheWholeSpec) {
  const SpecCheck check = [](const ContainerSpec& spec) -> Result<> {
    for (const DeviceSpec& device : spec.devices) {
      if (device.path != "/dev/fuse") {
        return fail(Code::refused, "devices: not {}", device.path);
      }
    }
    return {};
  };
  EXPECT_THAT(pointers(R"({"devices":[{"path":"/dev/a"},{"path":"/dev/fuse"},{"path":"/dev/b"},
                                      {"path":"/dev/c"}]})",
                       check),
              ElementsAre("/spec/devices/0", "/spec/devices/2", "/spec/devices/3"));
}

TEST(SpecRefusalsTest, WhatTheMessageNamesIsTakenOutFirst) {
  const SpecCheck check = [](const ContainerSpec& spec) -> Result<> {
    if (spec.resources.swap_mib != 0 && spec.resources.memory_mib == 0) {
      return fail(Code::refused, "resources.swap_mib needs a limit of memory");
    }
    return spec.resources.io.weight == 0 ? Result<>()
                                         : fail(Code::refused, "resources.io.weight: none");
  };
  EXPECT_THAT(pointers(R"({"resources":{"memory_mib":64,"swap_mib":8,"io":{"weight":20}}})", check),
              ElementsAre("/spec/resources/io/weight"));
}

TEST(SpecRefusalsTest, WhatIsForNoMemberAloneIsToldOnce) {
  const SpecCheck never = [](const ContainerSpec&) -> Result<> {
    return fail(Code::refused, "never");
  };
  EXPECT_THAT(pointers(R"({"hostname":"a"})", never), ElementsAre("/spec"));
}

TEST(SpecRefusalsTest, AHostileSpecEndsTheSearch) {
  int asked = 0;
  const SpecCheck check = [&asked](const ContainerSpec& spec) -> Result<> {
    ++asked;
    return spec.env.empty() ? Result<>() : fail(Code::refused, "{}", spec.env.rbegin()->first);
  };
  EXPECT_EQ(pointers(with_variables(1000), check).back(), "/spec") << "and says so";
  EXPECT_LE(asked, 310);
}

// Whoever may only look has two threads of the node's busy with it, and others' questions wait.
TEST(SpecRefusalsTest, OneThatIsSlowToReadEndsTheSearchByItsTime) {
  int asked = 0;
  const SpecCheck slow = [&asked](const ContainerSpec& spec) -> Result<> {
    ++asked;
    const auto begun = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(100)) {
    }
    return spec.env.empty() ? Result<>() : fail(Code::refused, "{}", spec.env.rbegin()->first);
  };
  EXPECT_EQ(pointers(with_variables(300), slow).back(), "/spec");
  EXPECT_LE(asked, 30);
}

class SpecQueryTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    runtimes::OciOptions oci;
    oci.kind = RuntimeKind::crun;
    oci.seccomp_profile = folder_ / "seccomp.json";
    std::ofstream(oci.seccomp_profile) << R"({"defaultAction":"SCMP_ACT_ALLOW"})";
    crun_ = std::make_unique<runtimes::OciRuntime>(layout_, oci);
    lxc_ = std::make_unique<runtimes::LxcRuntime>(layout_,
                                                  runtimes::LxcOptions{"/usr/lib/drover-lxc"});
    node_->runtimes = {{RuntimeKind::crun, crun_.get()}, {RuntimeKind::lxc, lxc_.get()}};
  }
  json::Value explain(const std::string& spec, const std::string& config_of = "") {
    json::Object question{{"name", "web-1"}, {"spec", json::parse(spec).value()}};
    if (!config_of.empty()) {
      question.set("config_of", config_of);
    }
    const auto reading = spec_reading(*journal_, *node_, question);
    EXPECT_TRUE(reading) << to_text(reading.error());
    const auto answer = (*reading)(system::Stop());
    EXPECT_TRUE(answer) << to_text(answer.error());
    return answer.value_or(json::Value());
  }
  static json::Value of(const json::Value& answer, std::string_view runtime) {
    for (const json::Value& one : *answer.at("runtimes").array()) {
      if (one.at("runtime").string_or("") == runtime) {
        return one;
      }
    }
    return {};
  }
  std::string spec(const std::string& more) const {
    return R"({"rootfs":")" + root_.native() + R"(","command":["serve"])" + more + "}";
  }

  std::unique_ptr<runtimes::OciRuntime> crun_;
  std::unique_ptr<runtimes::LxcRuntime> lxc_;
};

TEST_F(SpecQueryTest, AllThatIsRefusedByTheRuntimeThePolicyAndTheNode) {
  const json::Value answer =
      explain(spec(R"(,"seccomp":"unconfined","firewall":{},"devices":[{"path":"/dev/fuse"}],)"
                   R"("secrets":[{"name":"key"}],"log":{"max_size_mib":1024})"));
  const json::Value crun = of(answer, "crun");
  EXPECT_FALSE(crun.at("accepted").boolean_or(true));
  const std::string told = json::write(crun.at("refusals"));
  EXPECT_THAT(told, HasSubstr(R"("pointer":"/spec/firewall")"));
  EXPECT_THAT(told, HasSubstr(R"("pointer":"/spec/seccomp")"));
  EXPECT_THAT(told, HasSubstr("policy.seccomp"));
  EXPECT_THAT(told, HasSubstr(R"("pointer":"/spec/devices)"));
  EXPECT_THAT(told, HasSubstr(R"("pointer":"/spec/secrets)"));
  EXPECT_THAT(told, HasSubstr(R"("pointer":"/spec/log)"));
  EXPECT_EQ(crun.at("refusals").array()->size(), 5U) << told;
  EXPECT_THAT(json::write(of(answer, "lxc")), HasSubstr("lxc, firewall"));
  EXPECT_THAT(json::write(of(answer, "runc")), HasSubstr("/spec/runtime"));
  EXPECT_FALSE(of(answer, "pve-lxc").at("accepted").boolean_or(true));
}

TEST_F(SpecQueryTest, WhatARuntimeWouldBeGiven) {
  const std::string wish = spec(R"(,"env":{"A":"b c"},"resources":{"memory_mib":64})");
  const json::Value crun = of(explain(wish, "crun"), "crun");
  EXPECT_TRUE(crun.at("accepted").boolean_or(false)) << json::write(crun);
  const json::Value& config = crun.at("config").at("content");
  EXPECT_EQ(crun.at("config").at("form").string_or(""), "config.json");
  EXPECT_EQ(crun.at("no_checkpoints").string_or(""), "crun is built without CRIU");
  EXPECT_EQ(config.at("root").at("path").string_or(""),
            layout_.rootfs(*ContainerName::parse("web-1")).native());
  EXPECT_EQ(config.at("process").at("args"), json::Value(json::Array{"serve"}));
  EXPECT_EQ(config.at("linux").at("resources").at("memory").at("limit").integer_or(0), 64 << 20);
  const json::Value answer = explain(wish, "lxc");
  EXPECT_EQ(of(answer, "crun").find("config"), nullptr) << "nobody has asked";
  const std::string text(of(answer, "lxc").at("config").at("content").string_or(""));
  EXPECT_THAT(text, HasSubstr("lxc.rootfs.path = dir:" +
                              layout_.rootfs(*ContainerName::parse("web-1")).native()));
  EXPECT_EQ(text.find("/proc/self/fd"), text.find("/proc/self/fd/1\n"));
  EXPECT_FALSE(std::filesystem::exists(layout_.container(*ContainerName::parse("web-1"))));
  EXPECT_FALSE(journal_->container("web-1").value());
}

TEST_F(SpecQueryTest, AnImageThatIsNotHereIsNotFetchedForIt) {
  const json::Value crun =
      of(explain(R"({"image":"docker://registry.example.org/app:1"})", "crun"), "crun");
  EXPECT_TRUE(crun.at("accepted").boolean_or(false)) << json::write(crun);
  EXPECT_THAT(std::string(crun.at("no_config").string_or("")), HasSubstr("not on this node yet"));
}

TEST_F(SpecQueryTest, WhatIsNoSpecIsInvalidWithItsFaults) {
  const auto reading = spec_reading(
      *journal_, *node_, json::parse(R"({"name":"a","spec":{"cwd":"x","nonsense":1}})").value());
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, Code::invalid);
  EXPECT_EQ(reading.error().faults.size(), 2U);
}

}  // namespace
}  // namespace drover::jobs
