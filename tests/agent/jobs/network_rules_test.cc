// What jobs and admins do to the node's own rules: addresses that are taken, and ports of
// containers that a flush has taken from the kernel.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "agent/jobs/container_record.h"
#include "agent/jobs/reconcile/lease_watch.h"
#include "agent/jobs/reconcile/rules_watch.h"
#include "agent/system/child.h"
#include "fakes/dhcp_network.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using testing::Not;

class NetworkRulesTest : public NodeFixture {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    NodeFixture::SetUp();
    std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  }
  JobRow ensure(const std::string& id, const std::string& name, json::Object options = {}) {
    return run(job(id, "network.ensure", name, std::move(options)));
  }
  static std::string run_words(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, system::Stop());
    EXPECT_TRUE(ran) << ran.error().message;
    return ran.value_or("");
  }
  static std::string rules() { return run_words({"iptables-save"}); }
  /// web-1 on apps, the node's port 8080, and let through.
  void publish() {
    ASSERT_EQ(ensure("j1", "apps", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
    json::Object request = run_job("j2", "web-1");
    request.find("spec")->object()->set(
        "networks", json::parse(R"([{"interface":"eth0","bridge":"apps","forwarding":"open",
                         "ports":[{"host":8080,"container":80}]}])")
                        .value());
    const JobRow row = run(request);
    ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  }
  /// As the reconciler does, on its own thread.
  void look() {
    std::atomic<bool> done = false;
    std::thread looking([&] {
      const system::Stop never;
      for (const Result<>& looked : {watch_.look(*node_, *books_, *supervisor_, never),
                                     leases_.look(*node_, *books_, *supervisor_, never)}) {
        EXPECT_TRUE(looked) << looked.error().message;
      }
      done = true;
    });
    while (!done) {
      loop_->turn(std::chrono::milliseconds(5));
    }
    looking.join();
  }

  RulesWatch watch_;
  LeaseWatch leases_;
};

TEST_F(NetworkRulesTest, AnAddressInANetworkThatTheNodeHasAWayToIsAConflict) {
  run_words({"ip", "link", "add", "uplink", "type", "bridge"});
  run_words({"ip", "address", "add", "10.90.0.5/16", "dev", "uplink"});
  run_words({"ip", "link", "set", "uplink", "up"});
  run_words({"ip", "route", "add", "10.91.0.0/24", "via", "10.90.0.1"});
  run_words({"ip", "route", "add", "default", "via", "10.90.0.1"});
  EXPECT_THAT(ensure("j1", "apps", {{"address", "10.90.7.1/24"}}).result,
              HasSubstr("ensure network apps: 10.90.7.0/24 has addresses of 10.90.0.0/16, which "
                        "this node knows a way to (uplink)"));
  EXPECT_THAT(ensure("j2", "apps", {{"address", "10.91.0.1/16"}}).result, HasSubstr("conflict"));
  EXPECT_EQ(ensure("j3", "apps", {{"address", "10.92.0.1/24"}}).state, JobState::succeeded);
}

TEST_F(NetworkRulesTest, PortsAndFiltersThatAnAdminHasFlushedAreToldAndMadeAgain) {
  publish();
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created")) << rules();
  for (const std::vector<std::string>& flush :
       {std::vector<std::string>{"iptables", "-F"}, {"iptables", "-t", "nat", "-F"}}) {
    run_words(flush);
    look();
    EXPECT_THAT(rules(), AllOf(HasSubstr("--dport 8080 -j DNAT --to-destination 10.84.0.2:80"),
                               HasSubstr("-j MASQUERADE"),
                               HasSubstr("-A CNI-FORWARD -s 10.84.0.2/32 -j ACCEPT")));
  }
  look();
  EXPECT_THAT(told("network", "apps"),
              ElementsAre("created", "lost", "restored", "lost", "restored"));
  const Event& last = published_.back();
  EXPECT_EQ(json::write(last.data), R"({"container":"web-1","interface":"eth0","state":"rules"})");
  // Also of one that is stopped: its ports are its own until it is deleted.
  ASSERT_EQ(run(job("j3", "container.stop", "web-1")).state, JobState::succeeded);
  run_words({"iptables", "-t", "nat", "-F"});
  look();
  EXPECT_THAT(rules(), HasSubstr("--to-destination 10.84.0.2:80"));
  run(job("j4", "container.delete", "web-1", {{"force", true}}));
  EXPECT_THAT(rules(), AllOf(Not(HasSubstr("10.84.0.2")), Not(HasSubstr("CNI-DN-"))));
  look();
}

TEST_F(NetworkRulesTest, OneThatAJobIsAboutIsLeftToTheNextLook) {
  publish();
  run_words({"iptables", "-t", "nat", "-F"});
  submit_paused(job("j3", "container.stop", "web-1"), "stop",
                fakes::FakeRuntime::Hold::before_deed);
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created"));
  runtime_.let_go();
  EXPECT_EQ(await("j3").state, JobState::succeeded);
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "lost", "restored"));
}

TEST_F(NetworkRulesTest, ALeaseThatNobodyRenewsIsToldAndAskedForAgainUntilItsContainerIsGone) {
  ASSERT_EQ(ensure("j1", "apps", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  json::Object request = run_job("j2", "web-1");
  request.find("spec")->object()->set(
      "networks",
      json::parse(R"([{"interface":"eth0","bridge":"apps","address":"dhcp"}])").value());
  const Answer refused = submit(request);
  EXPECT_EQ(refused.kind, "error");
  EXPECT_THAT(json::write(refused.body),
              AllOf(HasSubstr(R"("code":"refused")"), HasSubstr("drover-cni-dhcp")));

  fakes::DhcpNetwork dhcp(folder_.path(), "apps", layout_.dhcp_socket());
  dhcp.serve("10.84.0.50", "10.84.0.50", "10.84.0.1");
  dhcp.start_daemon();
  const JobRow row = run(request);
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const auto interface = [&] {
    const ContainerRow container = journal_->container("web-1").value().value();
    return container_record_from(container.container).value().interfaces.at(0);
  };
  EXPECT_EQ(interface().address, "10.84.0.50/24");
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created"));
  dhcp.end_daemon();
  look();
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "lost"));
  EXPECT_THAT(json::write(published_.back().data),
              AllOf(HasSubstr(R"("state":"lease")"), HasSubstr(R"("container":"web-1")")));
  dhcp.serve("10.84.0.60", "10.84.0.60", "10.84.0.1");
  dhcp.start_daemon();
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "lost", "restored"));
  EXPECT_EQ(
      json::write(published_.back().data),
      R"({"container":"web-1","interface":"eth0","state":"lease","address":"10.84.0.60/24"})");
  EXPECT_EQ(interface().address, "10.84.0.60/24");
  EXPECT_EQ(interface().gateway, "10.84.0.1");
  EXPECT_EQ(leases_.lost(), 0U);
  dhcp.end_daemon();
  look();
  EXPECT_EQ(leases_.lost(), 1U);
  run(job("j3", "container.delete", "web-1", {{"force", true}}));
  EXPECT_TRUE(leaves_nothing("web-1"));
  look();
  EXPECT_EQ(leases_.lost(), 0U);
}

/// After an outage all containers that start again ask a server that is not there yet.
TEST_F(NetworkRulesTest, WhoWaitsForADhcpServerTakesNoWorkersPlace) {
  ASSERT_EQ(ensure("j1", "apps", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  std::filesystem::create_directories(layout_.run);
  system::UniqueFd silent(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  layout_.dhcp_socket().native().copy(static_cast<char*>(address.sun_path),
                                      sizeof address.sun_path - 1);
  ASSERT_EQ(bind(silent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(silent.get(), 100), 0);
  ASSERT_EQ(workers_, 2U);
  const std::vector<std::string> waiting = {"web-1", "web-2"};
  for (const std::string& name : waiting) {
    json::Object request = run_job("run-" + name, name);
    request.set("attempts", std::int64_t{1});
    request.find("spec")->object()->set(
        "networks",
        json::parse(R"([{"interface":"eth0","bridge":"apps","address":"dhcp"}])").value());
    ASSERT_EQ(submit(request).kind, "job.accepted");
  }
  // The plugins have come to their daemon, in whose place nobody answers.
  const auto plugged = [] {
    const std::string lines = run_words({"ip", "-o", "link", "show", "master", "apps"});
    return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (plugged() < waiting.size() && std::chrono::steady_clock::now() < limit) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(plugged(), waiting.size());
  EXPECT_EQ(run(run_job("j2", "web-3")).state, JobState::succeeded);
  for (const std::string& name : waiting) {
    EXPECT_EQ(journal_->job("run-" + name).value()->state, JobState::running);
  }
  silent.reset();
  for (const std::string& name : waiting) {
    EXPECT_EQ(await("run-" + name).state, JobState::failed);
  }
}

}  // namespace
}  // namespace drover::jobs
