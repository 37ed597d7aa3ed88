#include "runtimes/oci/spec_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

json::Object patch_of(const std::string& text) {
  return *json::parse(text).value().object();
}

Spec usual() {
  Spec spec;
  spec.set_args({"serve"});
  spec.set_cwd("/");
  spec.set_root("/srv/root", false);
  spec.set({"process", "oomScoreAdj"}, 0);
  spec.set({"linux", "sysctl", "net.a"}, "1");
  spec.set({"linux", "maskedPaths"}, json::Array{"/proc/kcore"});
  return spec;
}

TEST(SpecPatch, ChangesAddsAndTakesAwayAsRfc7396Says) {
  Spec spec = usual();
  const auto done =
      apply_spec_patch(spec, patch_of(R"({"process":{"oomScoreAdj":100,"ioPriority":{"class":"x"}},
                         "linux":{"maskedPaths":["/proc/a","/proc/b"],"sysctl":{"net.a":null}},
                         "domainname":"example.org"})"));
  ASSERT_TRUE(done) << to_text(done.error());
  const json::Value& document = spec.document();
  EXPECT_EQ(document.at("process").at("oomScoreAdj"), json::Value(100));
  EXPECT_EQ(document.at("process").at("ioPriority").at("class"), json::Value("x"));
  EXPECT_THAT(spec.args(), testing::ElementsAre("serve"));
  EXPECT_EQ(document.at("linux").at("maskedPaths"), json::Value(json::Array{"/proc/a", "/proc/b"}))
      << "an array is replaced whole";
  EXPECT_EQ(document.at("linux").at("sysctl").find("net.a"), nullptr);
  EXPECT_EQ(document.at("domainname"), json::Value("example.org"));
}

TEST(SpecPatch, NullWithinWhatIsNewIsNoMember) {
  Spec spec = usual();
  ASSERT_TRUE(apply_spec_patch(spec, patch_of(R"({"linux":{"rdma":{"a":null,"b":{"c":1}}}})")));
  EXPECT_EQ(json::write(spec.document().at("linux").at("rdma")), R"({"b":{"c":1}})");
}

TEST(SpecPatch, AnEmptyOneChangesNothing) {
  Spec spec = usual();
  ASSERT_TRUE(apply_spec_patch(spec, {}));
  EXPECT_EQ(spec.document(), usual().document());
}

TEST(SpecPatch, WhatIsDroversOwnIsRefusedByName) {
  struct Own {
    const char* patch;
    const char* name;
  };
  for (const Own& own :
       {Own{R"({"root":{"readonly":true}})", "root"}, Own{R"({"root":null})", "root"},
        Own{R"({"hooks":{"prestart":[{"path":"/bin/x"}]}})", "hooks"},
        Own{R"({"ociVersion":"1.1.0"})", "ociVersion"},
        Own{R"({"linux":{"cgroupsPath":"/x"}})", "linux.cgroupsPath"},
        Own{R"({"linux":null})", "linux.cgroupsPath"}, Own{R"({"linux":[]})", "linux.cgroupsPath"},
        Own{R"({"linux":{"namespaces":[]}})", "linux.namespaces"},
        Own{R"({"process":{"terminal":true}})", "process.terminal"},
        Own{R"({"process":null})", "process.terminal"},
        Own{R"({"annotations":null})", "annotations.org.drover."},
        Own{R"({"annotations":{"org.drover.job":"x"}})", "annotations.org.drover.job"},
        Own{R"({"annotations":{"run.oci.hooks.stdout":"/x"}})", "run.oci.hooks.stdout"},
        Own{R"({"annotations":{"org.criu.config":"/x"}})", "org.criu.config"},
        Own{R"({"annotations":{"bundle":"/x"}})", "bundle"}}) {
    const auto checked = check_spec_patch(patch_of(own.patch), RuntimeKind::crun);
    ASSERT_FALSE(checked) << own.patch;
    EXPECT_EQ(checked.error().code, Code::refused) << own.patch;
    EXPECT_THAT(checked.error().message, HasSubstr(own.name));
    EXPECT_THAT(checked.error().message, HasSubstr("oci"));
  }
  for (const char* patch :
       {"{}", R"({"process":{"oomScoreAdj":1}})", R"({"linux":{"resources":{"rdma":{}}}})",
        R"({"annotations":{"a":"b","c":null}})", R"({"mounts":[]})"}) {
    const auto checked = check_spec_patch(patch_of(patch), RuntimeKind::runc);
    EXPECT_TRUE(checked) << patch << ": " << to_text(checked.error());
  }
}

/// Go's decoder of JSON takes each for the member itself, so that runc would have followed them.
TEST(SpecPatch, AMemberInOtherLettersIsRefused) {
  for (const auto& [patch, name] : std::map<std::string, std::string>{
           {R"({"linux":{"CgroupsPath":"/x"}})", "linux.CgroupsPath"},
           {R"({"Linux":{"cgroupsPath":"/x"}})", "Linux"},
           {R"({"HOOKS":{"prestart":[{"path":"/bin/x"}]}})", "HOOKS"},
           {"{\"hoo\xE2\x84\xAAs\":{}}", "hoo\xE2\x84\xAAs"},
           {"{\"proce\xC5\xBFs\":{\"args\":[\"sh\"]}}", "proce\xC5\xBFs"},
           {R"({"root":{"Path":"/"}})", "root.Path"},
           {R"({"linux":{"namespaces":[{"Type":"pid"}]}})", "linux.namespaces.Type"},
           {R"({"process":{"capabilities":{"Bounding":["CAP_BPF"]}}})",
            "process.capabilities.Bounding"}}) {
    const auto checked = check_spec_patch(patch_of(patch), RuntimeKind::runc);
    ASSERT_FALSE(checked) << patch;
    EXPECT_EQ(checked.error().code, Code::refused) << patch;
    EXPECT_THAT(checked.error().message, HasSubstr("oci: " + name + " is a member")) << patch;
  }
  for (const char* patch :
       {R"({"annotations":{"Path":"x","USER":"y"}})", R"({"linux":{"sysctl":{"net.Path":"1"}}})",
        R"({"linux":{"resources":{"unified":{"Memory":"1"}}}})",
        R"({"process":{"ownMember":1,"ioPriority":{"class":"IOPRIO_CLASS_BE"}}})"}) {
    EXPECT_TRUE(check_spec_patch(patch_of(patch), RuntimeKind::runc)) << patch;
  }
}

TEST(SpecPatch, WhatNoRuntimeWouldTakeIsInvalidBeforeThereIsAContainer) {
  for (const char* patch :
       {R"({"process":{"oomScoreAdj":"high"}})", R"({"process":{"args":null}})",
        R"({"mounts":[{"destination":"data"}]})", R"({"linux":{"devices":[{"path":"x"}]}})",
        R"({"process":{"rlimits":[{"type":"NOFILE","soft":1,"hard":1}]}})"}) {
    const auto checked = check_spec_patch(patch_of(patch), RuntimeKind::runc);
    ASSERT_FALSE(checked) << patch;
    EXPECT_EQ(checked.error().code, Code::invalid) << patch;
    EXPECT_FALSE(checked.error().faults.empty()) << patch;
  }
}

}  // namespace
}  // namespace drover::runtimes
