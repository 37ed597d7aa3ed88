// The schema of config.json: it refuses what runc and crun would not take, or would drop. Whatever
// else the tests emit is held against it where it is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci_schema.h"

namespace drover::runtimes {
namespace {

/// Of the least of a configuration with these members.
std::string faults_with(const std::string& members) {
  return schema_faults(
      json::parse(R"({"ociVersion":"1.0.2","root":{"path":"/r"},)" + members + "}").value());
}

TEST(OciSchema, TakesTheLeastAndRefusesWhatIsWrong) {
  const std::string process = R"("process":{"cwd":"/","args":["a"]})";
  EXPECT_EQ(faults_with(process), "");
  EXPECT_NE(faults_with(R"("process":{"cwd":"/"})"), "");
  EXPECT_NE(faults_with(R"("process":{"cwd":"srv","args":["a"]})"), "");
  for (const char* wrong :
       {R"("linux":{"seccmp":{}})", R"("linux":{"seccomp":{"defaultAction":"ALLOW"}})",
        R"("linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","archMap":[]}})",
        R"("linux":{"namespaces":[{"type":"net"}]})",
        R"("linux":{"resources":{"blockIO":{"weight":70000}}})",
        R"("linux":{"resources":{"hugepageLimits":[{"pageSize":"2M","limit":1}]}})",
        R"("linux":{"devices":[{"path":"/dev/a","type":"c"}]})", R"("annotations":{"a":1})",
        R"("mounts":[{"destination":"data"}])"}) {
    EXPECT_NE(faults_with(process + "," + wrong), "") << wrong;
  }
}

}  // namespace
}  // namespace drover::runtimes
