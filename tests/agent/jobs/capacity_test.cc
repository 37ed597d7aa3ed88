#include <gmock/gmock.h>
#include <unistd.h>

#include "agent/jobs/queries/queries.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

class CapacityTest : public NodeFixture {
 protected:
  json::Value node() {
    return Queries(*journal_, *supervisor_, *node_, *disk_).answer("query.node", {}).value();
  }
  json::Object limited(const std::string& id, const std::string& name, json::Object limits) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set("resources", std::move(limits));
    return request;
  }
};

TEST_F(CapacityTest, TheNodeTellsWhatItsContainersMayUseAndWhatItHas) {
  EXPECT_EQ(node().at("capacity").at("reserved"),
            json::Value(json::Object{{"cpus", 0.0}, {"memory_mib", 0}}));
  config_.container.memory_mib = 100;
  run(limited("j1", "web-1", {{"memory_mib", 64}, {"cpus", 1.5}}));
  run(limited("j2", "web-2", {{"memory_mib", 64}, {"cpus", 2}}));
  run(limited("j3", "web-3", {{"cpus", 0.25}}));  // of memory the node's default
  EXPECT_EQ(node().at("capacity").at("reserved"),
            json::Value(json::Object{{"cpus", 3.75}, {"memory_mib", 228}}));
  run(job("j4", "container.stop", "web-2"));
  const json::Value capacity = node().at("capacity");
  EXPECT_EQ(capacity.at("reserved"),
            json::Value(json::Object{{"cpus", 1.75}, {"memory_mib", 164}}));
  EXPECT_EQ(capacity.at("total").at("cpus").integer_or(0), sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GT(capacity.at("total").at("memory_mib").integer_or(0), 64);
}

TEST_F(CapacityTest, TheNodeTellsItsLabels) {
  config_.labels = {{"role", "web"}};
  EXPECT_EQ(json::write(node().at("labels")), R"({"role":"web"})");
}

}  // namespace
}  // namespace drover::jobs
