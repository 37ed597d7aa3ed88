// network.ensure and network.remove: whose a bridge is, who is on it, what a reboot and an agent's
// end leave.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "agent/jobs/queries/queries.h"
#include "agent/jobs/reconcile/network_watch.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/system/child.h"
#include "fakes/fake_proxmox.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using runtimes::BridgeKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A node of Proxmox whose one bridge is vmbr0.
class ProxmoxWithVmbr0 : public fakes::FakeProxmox {
 public:
  using FakeProxmox::FakeProxmox;
  Result<json::Value> get(const std::string& path, const proxmox::Form& query,
                          const system::Stop& stop) override {
    if (!path.ends_with("/network")) {
      return FakeProxmox::get(path, query, stop);
    }
    return json::Value(json::Array{json::Object{
        {"iface", "vmbr0"}, {"type", "bridge"}, {"cidr", "10.83.0.1/24"}, {"active", 1}}});
  }
};

class OwnNetworksTest : public NodeFixture {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    NodeFixture::SetUp();
  }
  JobRow ensure(const std::string& id, const std::string& name, json::Object options = {}) {
    return run(job(id, "network.ensure", name, std::move(options)));
  }
  JobRow remove(const std::string& id, const std::string& name) {
    return run(job(id, "network.remove", name));
  }
  /// A container on the bridge apps; "" has an address picked.
  json::Object run_on(const std::string& id, const std::string& name, const std::string& address) {
    json::Object network{{"interface", "eth0"}, {"bridge", "apps"}};
    if (!address.empty()) {
      network.set("address", address);
    }
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set("networks", json::Array{std::move(network)});
    return request;
  }
  /// As the reconciler does, on its own thread.
  void look() {
    std::atomic<bool> done = false;
    std::thread looking([&] {
      EXPECT_TRUE(watch_.look(*books_));
      done = true;
    });
    while (!done) {
      loop_->turn(std::chrono::milliseconds(5));
    }
    looking.join();
  }
  BridgeKind kind_of(const std::string& name) { return runtimes::look_at_bridge(name).value(); }
  void ip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "ip");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }

  NetworkWatch watch_;
};

TEST_F(OwnNetworksTest, IsMadeOnceAndRemoved) {
  const JobRow row = ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"own\":true"));
  EXPECT_EQ(kind_of("apps"), BridgeKind::ours);
  EXPECT_THAT(told("network", "apps"), ElementsAre("created"));
  EXPECT_EQ(ensure("j2", "apps").state, JobState::succeeded);
  EXPECT_EQ(ensure("j3", "apps", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  EXPECT_THAT(ensure("j4", "apps", {{"address", "10.85.0.1/24"}}).result,
              HasSubstr("it is there with address"));
  EXPECT_THAT(told("network", "apps"), ElementsAre("created"));
  ASSERT_EQ(remove("j5", "apps").state, JobState::succeeded);
  EXPECT_EQ(kind_of("apps"), BridgeKind::none);
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "removed"));
  EXPECT_THAT(remove("j6", "apps").result, HasSubstr("not_found"));
}

TEST_F(OwnNetworksTest, AnothersBridgeWillDoAndIsLeftAsItIs) {
  ip({"link", "add", "vmbr0", "type", "bridge"});
  const JobRow row = ensure("j1", "vmbr0");
  EXPECT_EQ(row.state, JobState::succeeded);
  EXPECT_THAT(row.result, HasSubstr("\"own\":false"));
  EXPECT_THAT(ensure("j2", "vmbr0", {{"address", "10.84.0.1/24"}}).result, HasSubstr("refused"));
  EXPECT_THAT(remove("j3", "vmbr0").result, HasSubstr("not Drover's"));
  EXPECT_EQ(kind_of("vmbr0"), BridgeKind::other);
  EXPECT_THAT(journal_->networks().value(), IsEmpty());
  ip({"link", "add", "dummy0", "type", "veth", "peer", "name", "dummy1"});
  EXPECT_THAT(ensure("j4", "dummy0").result, HasSubstr("conflict"));
}

TEST_F(OwnNetworksTest, ANetworkWithContainersStays) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  const JobRow row = run(run_on("j2", "web-1", ""));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(network_users(*journal_).value().at("apps"), ElementsAre("web-1"));
  EXPECT_THAT(remove("j3", "apps").result, HasSubstr("on it are web-1"));
  EXPECT_EQ(kind_of("apps"), BridgeKind::ours);
  run(job("j4", "container.delete", "web-1", {{"force", true}}));
  EXPECT_EQ(remove("j5", "apps").state, JobState::succeeded);
  EXPECT_FALSE(std::filesystem::exists(layout_.cni() / "drover-apps"));
}

TEST_F(OwnNetworksTest, AnAddressThatAnotherContainerHasCostsNothing) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  ASSERT_EQ(run(run_on("j2", "web-1", "10.84.0.2/24")).state, JobState::succeeded);
  for (const char* address : {"10.84.0.2/24", "10.84.0.3/24"}) {
    // The second one was given out, before anybody has chosen it.
    const bool given_out = std::string(address) == "10.84.0.3/24";
    if (given_out) {
      ASSERT_EQ(run(run_on("j3", "web-3", "")).state, JobState::succeeded);
    }
    const std::string id = given_out ? "j5" : "j4";
    const JobRow row = run(run_on(id, "web-2", address));
    EXPECT_EQ(row.state, JobState::failed);
    EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
    EXPECT_THAT(row.result, HasSubstr(given_out ? "container web-3 has address 10.84.0.3"
                                                : "container web-1 has address 10.84.0.2"));
    EXPECT_THAT(journal_->steps(id).value(), IsEmpty());
    EXPECT_TRUE(leaves_nothing("web-2"));
  }
  run(job("j6", "container.delete", "web-1", {{"force", true}}));
  EXPECT_EQ(run(run_on("j7", "web-2", "10.84.0.2/24")).state, JobState::succeeded);
}

/// On apps, with the node's port 8080.
json::Object publishing(json::Object request, const std::string& address = "") {
  json::Object port{{"host", 8080}, {"container", 80}};
  if (!address.empty()) {
    port.set("address", address);
  }
  json::Value* const networks = request.find("spec")->object()->find("networks");
  networks->array()->front().object()->set("ports", json::Array{std::move(port)});
  return request;
}

TEST_F(OwnNetworksTest, APortThatAnotherContainerPublishesCostsNothingAndIsGivenBack) {
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  const JobRow first = run(publishing(run_on("j2", "web-1", ""), "10.84.0.1"));
  ASSERT_EQ(first.state, JobState::succeeded) << first.result;
  const auto rules = [] {
    return system::run_ok({"iptables-save", "-t", "nat"}, system::Stop()).value_or("");
  };
  EXPECT_THAT(rules(), HasSubstr("--to-destination 10.84.0.2:80"));
  const JobRow row = run(publishing(run_on("j3", "web-2", "")));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
  EXPECT_THAT(row.result, HasSubstr("container web-1 publishes port 10.84.0.1:8080/tcp"));
  EXPECT_THAT(journal_->steps("j3").value(), IsEmpty());
  // Stopped it keeps it, and has it again when somebody has flushed all rules.
  ASSERT_EQ(run(job("j4", "container.stop", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(run(publishing(run_on("j5", "web-2", ""))).state, JobState::failed);
  ASSERT_TRUE(system::run_ok({"iptables", "-t", "nat", "-F"}, system::Stop()));
  const JobRow again = run(job("j6", "container.start", "web-1"));
  ASSERT_EQ(again.state, JobState::succeeded) << again.result;
  EXPECT_THAT(rules(), HasSubstr("--to-destination 10.84.0.2:80"));
  // As a reboot leaves it: its namespace is lost, and all rules with what was known of them.
  ASSERT_EQ(run(job("j7", "container.stop", "web-1")).state, JobState::succeeded);
  ip({"netns", "delete", "drover-web-1"});
  ASSERT_TRUE(system::run_ok({"iptables", "-t", "nat", "-F"}, system::Stop()));
  ASSERT_TRUE(system::run_ok({"iptables", "-t", "nat", "-X"}, system::Stop()));
  ASSERT_TRUE(system::remove_tree(layout_.cni_chains()));
  const JobRow renewed = run(job("j8", "container.start", "web-1"));
  ASSERT_EQ(renewed.state, JobState::succeeded) << renewed.result;
  EXPECT_THAT(rules(), HasSubstr("--to-destination 10.84.0."));
  run(job("j9", "container.delete", "web-1", {{"force", true}}));
  EXPECT_THAT(rules(), testing::Not(HasSubstr("10.84.0.2")));
  EXPECT_THAT(rules(), testing::Not(HasSubstr("CNI-DN-")));
  EXPECT_EQ(run(publishing(run_on("j10", "web-2", ""))).state, JobState::succeeded);
}

TEST_F(OwnNetworksTest, AContainerKnowsItsNameAndItsEventsItsAddresses) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  json::Object request = run_on("j2", "web-1", "");
  request.find("spec")->object()->set("dns", json::Object{{"servers", json::Array{"192.0.2.53"}}});
  ASSERT_EQ(run(request).state, JobState::succeeded);
  const auto file = [&](const char* name) {
    return system::read_file(layout_.names(*ContainerName::parse("web-1")) / name).value_or("");
  };
  EXPECT_THAT(file("hosts"), HasSubstr("10.84.0.2 web-1\n"));
  EXPECT_THAT(file("resolv.conf"), HasSubstr("nameserver 192.0.2.53\n"));
  std::vector<std::string> addresses;
  for (const Event& event : published_) {
    if (event.kind == "container" && event.object == "web-1") {
      addresses.push_back(
          event.what + " " +
          std::string(json::Value(event.data).at("addresses").at("eth0").string_or("")));
    }
  }
  EXPECT_THAT(addresses, ElementsAre("creating ", "created 10.84.0.2/24", "running 10.84.0.2/24"));
}

TEST_F(OwnNetworksTest, AnAddressThatNobodyCanHaveThereIsRefusedBeforeItIsAccepted) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"10.84.0.1/24", "it is the gateway's"},
      {"10.84.0.255/24", "no host can have it"},
      {"10.85.0.2/24", "bridge apps has the subnet 10.84.0.0/24"}};
  for (const auto& [address, why] : cases) {
    const Answer answer = submit(run_on("j2", "web-1", address));
    EXPECT_EQ(answer.kind, "error");
    EXPECT_THAT(json::write(answer.body), HasSubstr(why));
  }
}

TEST_F(OwnNetworksTest, AGatewayWithoutAnAddressIsInvalidBeforeAnythingIsMade) {
  ASSERT_EQ(system::run({"ip", "link", "add", "bare", "type", "bridge"}, system::Stop())
                .value()
                .ending.code,
            0);
  json::Object request = run_job("j1", "web-1");
  request.find("spec")->object()->set(
      "networks", json::Array{json::Object{
                      {"interface", "eth0"}, {"bridge", "bare"}, {"gateway", "10.84.0.1"}}});
  const JobRow row = run(request);
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("bridge bare gives out no addresses"));
  EXPECT_THAT(row.result, HasSubstr("invalid"));
  EXPECT_TRUE(leaves_nothing("web-1"));
}

TEST_F(OwnNetworksTest, ABridgeDeletedByHandIsToldListedAndMadeAgainWithItsContainersOnIt) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  ASSERT_EQ(run(run_on("j2", "web-1", "")).state, JobState::succeeded);
  Queries queries(*journal_, *supervisor_, *node_, *disk_);
  const auto state = [&] {
    const json::Value answer = queries.answer("query.networks", json::Object{}).value();
    return std::string(answer.at("networks").array()->front().at("state").string_or(""));
  };
  EXPECT_EQ(state(), "up");
  ip({"link", "delete", "dev", "apps"});
  EXPECT_EQ(state(), "missing");
  look();
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "lost"));
  EXPECT_THAT(json::write(published_.back().data), HasSubstr("drover network ensure apps"));
  EXPECT_EQ(ensure("j3", "apps").state, JobState::succeeded);
  EXPECT_EQ(state(), "up");
  look();
  EXPECT_THAT(told("network", "apps"), ElementsAre("created", "lost", "restored"));
  const auto inside = system::run_ok(
      {"ip", "netns", "exec", "drover-web-1", "busybox", "ping", "-c", "1", "-W", "5", "10.84.0.1"},
      system::Stop());
  EXPECT_TRUE(inside) << inside.error().message;
}

TEST_F(OwnNetworksTest, ABridgeByHandOnANodeOfProxmoxIsNotCalledUsable) {
  ProxmoxWithVmbr0 api(folder_ / "pve");
  proxmox::Network network(api);
  node_->proxmox_network = &network;
  ip({"link", "add", "by-hand", "type", "bridge"});
  const JobRow row = ensure("j1", "by-hand");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("neither Drover nor Proxmox has made"));
  EXPECT_EQ(kind_of("by-hand"), BridgeKind::other);
  ip({"link", "add", "vmbr0", "type", "bridge"});
  const JobRow known = ensure("j2", "vmbr0");
  EXPECT_EQ(known.state, JobState::succeeded) << known.result;
  EXPECT_THAT(known.result, HasSubstr("\"own\":false"));
  node_->proxmox_network = nullptr;
}

TEST_F(OwnNetworksTest, TwoNetworksHaveNotOneSubnet) {
  EXPECT_EQ(ensure("j1", "apps", {{"address", "10.84.0.1/24"}}).state, JobState::succeeded);
  const JobRow row = ensure("j2", "more", {{"address", "10.84.0.9/16"}});
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
  EXPECT_EQ(kind_of("more"), BridgeKind::none);
}

TEST_F(OwnNetworksTest, AfterARebootItIsMadeAgain) {
  ensure("j1", "apps", {{"address", "10.84.0.1/24"}});
  ip({"link", "delete", "dev", "apps"});
  restore_networks(*journal_, *node_);
  EXPECT_EQ(kind_of("apps"), BridgeKind::ours);
}

/// The journal as a kill -9 leaves it in a job's last step.
void cut_off_network_job(Journal& journal, const std::string& id, const NetworkRow& row) {
  StepRow step = std::vector<StepRow>(journal.steps(id).value()).back();
  step.state = StepState::intent;
  ASSERT_TRUE(journal.put_step(step));
  ASSERT_TRUE(journal.put_network(row));
  ASSERT_TRUE(journal.set_job(id, JobState::running, "null", 0));
  ASSERT_TRUE(journal.begin_job(id));
  ASSERT_TRUE(journal.commit());
}

TEST_F(OwnNetworksTest, WhatAnAgentsEndCutOffIsGoneOnWithOrTakenBack) {
  for (const bool cancelled : {false, true}) {
    const std::string id = cancelled ? "j2" : "j1";
    const std::string address = cancelled ? "10.85.0.1/24" : "10.84.0.1/24";
    ensure(id, id, {{"address", address}});
    cut_off_network_job(*journal_, id, {id, address, false, false, id, id, 1});
    if (cancelled) {
      ASSERT_TRUE(journal_->ask_to_end(id, "cancelled"));
      ASSERT_TRUE(journal_->commit());
    }
    restart_agent();
    EXPECT_EQ(await(id).state, cancelled ? JobState::cancelled : JobState::succeeded);
    EXPECT_EQ(kind_of(id), cancelled ? BridgeKind::none : BridgeKind::ours);
    EXPECT_EQ(journal_->network(id).value().has_value(), !cancelled);
  }
}

TEST_F(OwnNetworksTest, ACutOffRemovalIsDoneByTheNextAgentAndACancelledOneMadeGood) {
  for (const bool cancelled : {false, true}) {
    const std::string name = cancelled ? "kept" : "gone";
    ensure(name + "-1", name, {{"address", "10.84.0.1/24"}});
    NetworkRow row = *journal_->network(name).value();
    const std::string id = name + "-2";
    remove(id, name);
    row.busy = id;
    cut_off_network_job(*journal_, id, row);
    if (cancelled) {
      ASSERT_TRUE(journal_->ask_to_end(id, "cancelled"));
      ASSERT_TRUE(journal_->commit());
    }
    restart_agent();
    EXPECT_EQ(await(id).state, cancelled ? JobState::cancelled : JobState::succeeded);
    EXPECT_EQ(kind_of(name), cancelled ? BridgeKind::ours : BridgeKind::none);
    if (cancelled) {
      EXPECT_EQ(journal_->network(name).value()->busy, "");
    }
  }
}

}  // namespace
}  // namespace drover::jobs
