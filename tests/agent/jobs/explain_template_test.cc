// What a node answers of a spec whose image is a template on a storage of Proxmox.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "agent/jobs/queries/spec_query.h"
#include "agent/system/child.h"
#include "fakes/sim_node.h"
#include "node_fixture.h"
#include "proxmox/templates.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

constexpr const char* kTemplate = "local:vztmpl/app.tar.gz";

class ExplainTemplateTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    node_->templates = &templates_;
    std::filesystem::create_directories(root_ / "etc");
    std::ofstream(root_ / "etc/passwd") << "web:x:33:33::/:/bin/sh\n";
    const auto packed =
        system::run_ok({"tar", "-C", root_.native(), "-czf",
                        (sim_.folder() / "local/template/cache/app.tar.gz").native(), "etc"},
                       system::Stop());
    ASSERT_TRUE(packed) << packed.error().message;
  }
  /// What runc would get.
  json::Value explain(const std::string& image) {
    runtimes::OciOptions options;
    options.kind = RuntimeKind::runc;
    options.seccomp_profile = folder_ / "seccomp.json";
    std::ofstream(options.seccomp_profile) << R"({"defaultAction":"SCMP_ACT_ALLOW"})";
    runtimes::OciRuntime runc(layout_, options);
    node_->runtimes[RuntimeKind::runc] = &runc;
    const json::Object spec{{"image", image}, {"command", json::Array{"serve"}}, {"user", "web"}};
    const auto reading = spec_reading(
        *journal_, *node_, json::Object{{"name", "web-1"}, {"spec", spec}, {"config_of", "runc"}});
    EXPECT_TRUE(reading) << to_text(reading.error());
    const json::Value answer = (*reading)(system::Stop()).value();
    node_->runtimes[RuntimeKind::runc] = &runtime_;
    return answer.at("runtimes").array()->front();
  }

  fakes::SimNode sim_;
  std::unique_ptr<proxmox::Client> client_ = sim_.client();
  system::SystemClock real_clock_;
  proxmox::Tasks tasks_{*client_, real_clock_};
  proxmox::Templates templates_{*client_, tasks_};
};

TEST_F(ExplainTemplateTest, ItIsTheImageThatAContainerOfItHas) {
  const std::string missing(explain("local:vztmpl/other.tar.gz").at("no_config").string_or(""));
  EXPECT_THAT(missing, HasSubstr("template local:vztmpl/other.tar.gz is not on this node"));
  const std::string packed(explain(kTemplate).at("no_config").string_or(""));
  EXPECT_THAT(packed, HasSubstr("is on this node, and not unpacked yet"));
  EXPECT_TRUE(images_->digests().value().empty()) << "only a job unpacks it";
  json::Object request = run_job("j1", "web-2");
  request.set("spec", json::Object{{"runtime", "runc"}, {"image", kTemplate}});
  const JobRow row = run(request);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const json::Value view = explain(kTemplate);
  const json::Value& process = view.at("config").at("content").at("process");
  EXPECT_EQ(process.at("user").at("uid").integer_or(0), 33) << json::write(view);
}

}  // namespace
}  // namespace drover::jobs
