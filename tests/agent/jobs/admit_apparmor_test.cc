// The node's policy about profiles of AppArmor, of which some have several names.
#include <gmock/gmock.h>

#include "agent/jobs/admit_policy.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

/// "" when it is allowed.
std::string apparmor_refusal(const std::string& policy, const std::string& spec,
                             RuntimeKind kind = RuntimeKind::crun) {
  const auto config = parse_config(R"({"policy":)" + policy + "}");
  const auto value = json::parse(spec);
  EXPECT_TRUE(config && value) << policy << spec;
  Faults faults;
  const ContainerSpec wish = read_container_spec(value.value_or(json::Value()), "", faults);
  EXPECT_TRUE(faults.result("spec")) << spec;
  const Result<> admitted = admit_policy(config.value_or(Config{}), wish, kind);
  EXPECT_TRUE(admitted || admitted.error().code == Code::refused);
  return admitted ? "" : admitted.error().message;
}

// As the kernel and liblxc read it.
TEST(ApparmorPolicyTest, NoProfileOfApparmorUnderAnotherNameIsUnconfined) {
  for (const char* name : {"::unconfined", ":://unconfined", "unconf", "u", ":own:unconfined",
                           ":own://unconfined", ":own:", ":own", "unchanged"}) {
    const std::string spec = fmt::format(R"({{"apparmor":"{}"}})", name);
    for (const RuntimeKind kind : {RuntimeKind::runc, RuntimeKind::lxc}) {
      EXPECT_THAT(apparmor_refusal(R"({"apparmor":["*","u*",":own:*"]})", spec, kind),
                  HasSubstr(name));
      EXPECT_EQ(apparmor_refusal(R"({"apparmor":["unconfined"]})", spec, kind), "") << name;
    }
  }
  for (const char* name : {"unconfined-web", "web", ":own:web", "unchanged-web"}) {
    EXPECT_EQ(
        apparmor_refusal(R"({"apparmor":["*"]})", fmt::format(R"({{"apparmor":"{}"}})", name)), "");
  }
}

TEST(ApparmorPolicyTest, AllProfilesOfApparmorAreNotNone) {
  EXPECT_EQ(apparmor_refusal(R"({"apparmor":["web-*"]})", R"({"apparmor":"web-1"})"), "");
  EXPECT_NE(apparmor_refusal(R"({"apparmor":["web-*"]})", R"({"apparmor":"db-1"})"), "");
  EXPECT_EQ(apparmor_refusal(R"({"apparmor":["*"]})", R"({"apparmor":"db-1"})"), "");
  EXPECT_NE(apparmor_refusal(R"({"apparmor":["*"]})", R"({"apparmor":"unconfined"})"), "");
  EXPECT_EQ(apparmor_refusal(R"({"apparmor":["unconfined"]})", R"({"apparmor":"unconfined"})"), "");
}

}  // namespace
}  // namespace drover::jobs
