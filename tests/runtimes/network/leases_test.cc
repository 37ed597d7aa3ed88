// Addresses that Proxmox keeps: asked for, had and given back, whatever happens in between.
#include "runtimes/network/leases.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <fstream>
#include <future>

#include "agent/core/ip_address.h"
#include "agent/system/child.h"
#include "fakes/meddling_client.h"
#include "fakes/sim_node.h"
#include "proxmox/task.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class LeasesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_TRUE(system::run_ok({"ip", "link", "set", "lo", "up"}, stop_));
    sim_.emplace();
    client_ = sim_->client();
    ipam_.emplace(*client_);
    leases_.emplace(*ipam_, folder_.path() / "ipam", "pve1");
    admin("POST", "zones",
          {{"zone", "lab"}, {"type", "simple"}, {"ipam", "pve"}, {"dhcp", "dnsmasq"}});
    admin("POST", "zones", {{"zone", "quiet"}, {"type", "simple"}, {"ipam", "pve"}});
    admin("POST", "zones", {{"zone", "plain"}, {"type", "simple"}});
    make_vnet("web", "lab", "10.84.0.0/29", "10.84.0.1");
    make_vnet("hushed", "quiet", "10.85.0.0/29", "10.85.0.1");
    make_vnet("bare", "plain", "10.86.0.0/29", "10.86.0.1");
    admin_applies();
  }
  void admin_applies() {
    const auto upid = client_->put("/cluster/sdn", {}, stop_);
    ASSERT_TRUE(upid) << upid.error().message;
    ASSERT_TRUE(proxmox::Tasks(*client_, clock_).wait(*upid, std::chrono::seconds(20), stop_));
  }
  void admin(const std::string& method, const std::string& path, const proxmox::Form& form) {
    const std::string whole = "/cluster/sdn/" + path;
    const auto answer =
        method == "POST" ? client_->post(whole, form, stop_) : client_->del(whole, form, stop_);
    ASSERT_TRUE(answer) << answer.error().message;
  }
  void make_vnet(const std::string& name, const std::string& zone, const std::string& cidr,
                 const std::string& gateway) {
    admin("POST", "vnets", {{"vnet", name}, {"zone", zone}});
    admin("POST", "vnets/" + name + "/subnets",
          {{"subnet", cidr}, {"type", "subnet"}, {"gateway", gateway}});
  }
  void somebody_takes(const std::string& vnet, const std::string& zone, const std::string& ip) {
    admin("POST", "vnets/" + vnet + "/ips",
          {{"zone", zone}, {"mac", "BC:24:11:00:00:01"}, {"ip", ip}});
  }
  static ContainerName name(const std::string& text) { return *ContainerName::parse(text); }
  static NetworkSpec on(const std::string& bridge, const std::string& address = "") {
    NetworkSpec spec;
    spec.bridge = bridge;
    spec.address = address;
    return spec;
  }
  Result<std::optional<Lease>> take(const std::string& container, const NetworkSpec& spec) {
    return leases_->take(name(container), job_, spec, stop_);
  }
  Lease taken(const std::string& container, const NetworkSpec& spec) {
    const auto lease = take(container, spec);
    EXPECT_TRUE(lease) << lease.error().message;
    return lease && *lease ? **lease : Lease{};
  }
  Result<> give_back(const std::string& container,
                     const std::optional<GivenLease>& given = std::nullopt) {
    return leases_->give_back(name(container), job_, "eth0", given, stop_);
  }
  static void damage(const Path& file) { std::ofstream(file) << "{\"container\":"; }
  /// What Proxmox has, but for the gateway.
  std::map<std::string, std::string> kept() {
    auto all = ipam_->taken("lab", stop_).value().value();
    all.erase("10.84.0.1");
    return all;
  }
  /// Whether nobody has it, of a zone whose addresses are not listed, too.
  bool is_free(const std::string& vnet, const std::string& zone, const std::string& ip) {
    const proxmox::IpamAddress address{zone, vnet, ip, "BC:24:11:00:00:02"};
    return ipam_->claim(address, stop_) && ipam_->release(address, stop_);
  }

  const system::Stop stop_;
  system::SystemClock clock_;
  fakes::TempFolder folder_;
  std::optional<fakes::SimNode> sim_;
  std::unique_ptr<proxmox::Client> client_;
  std::optional<proxmox::Ipam> ipam_;
  JobId job_ = *JobId::parse("job-1");
  std::optional<Leases> leases_;
};

TEST_F(LeasesTest, AnAddressIsPickedKeptAndGivenBack) {
  const Lease lease = taken("web-1", on("web"));
  EXPECT_EQ(subnet_of(lease.address), "10.84.0.0/29");
  EXPECT_EQ(lease.gateway, "10.84.0.1");
  EXPECT_THAT(lease.mac, StartsWith("02:"));
  EXPECT_THAT(kept(), ElementsAre(testing::Pair(address_of(lease.address), lease.mac)));
  EXPECT_EQ(taken("web-1", on("web")).address, lease.address) << "it has it already";
  EXPECT_NE(taken("web-2", on("web")).address, lease.address);
  ASSERT_TRUE(give_back("web-1"));
  ASSERT_TRUE(give_back("web-2"));
  EXPECT_TRUE(give_back("web-2")) << "nothing is success";
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
}

TEST_F(LeasesTest, WhereNobodyKeepsAddressesThereIsNone) {
  EXPECT_FALSE(take("web-1", on("bare")).value());
  EXPECT_FALSE(take("web-1", on("vmbr0")).value()) << "no vnet";
}

TEST_F(LeasesTest, AllThatAreFreeAreGivenOutAndThenNoneIs) {
  somebody_takes("web", "lab", "10.84.0.3");
  somebody_takes("hushed", "quiet", "10.85.0.3");
  for (const char* vnet : {"web", "hushed"}) {
    std::set<std::string> addresses;
    for (int number = 1; number <= 4; ++number) {
      addresses.insert(taken(fmt::format("{}-{}", vnet, number), on(vnet)).address);
    }
    EXPECT_THAT(addresses, SizeIs(4)) << vnet;
    const auto none = take("late", on(vnet));
    ASSERT_FALSE(none) << vnet;
    EXPECT_EQ(none.error().code, Code::conflict);
    EXPECT_THAT(none.error().message, HasSubstr("no address of its subnet"));
  }
}

TEST_F(LeasesTest, OfAFullSubnetOrOneWithoutAGatewayTheNextIsTried) {
  make_vnet("many", "lab", "10.88.0.0/30", "10.88.0.1");
  for (const auto& [cidr, gateway] : {std::pair("10.87.0.0/30", ""),
                                      {"10.89.0.0/30", "10.89.0.1"},
                                      {"fd00:87::/120", "fd00:87::1"}}) {
    proxmox::Form form{{"subnet", cidr}, {"type", "subnet"}};
    if (*gateway != '\0') {
      form.emplace_back("gateway", gateway);
    }
    admin("POST", "vnets/many/subnets", form);
  }
  admin_applies();
  NetworkSpec by_gateway = on("many");
  by_gateway.gateway = "10.89.0.1";
  EXPECT_EQ(taken("web-1", by_gateway).address, "10.89.0.2/30");
  const Lease second = taken("web-2", on("many"));
  EXPECT_EQ(second.address, "10.88.0.2/30");
  EXPECT_EQ(second.gateway, "10.88.0.1");
  const Lease third = taken("web-3", on("many"));
  EXPECT_EQ(subnet_of(third.address), "10.87.0.0/30") << "better without a gateway than not at all";
  EXPECT_EQ(third.gateway, "");
  taken("web-4", on("many"));
  const auto none = take("web-5", on("many"));
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("10.88.0.0/30, 10.89.0.0/30, 10.87.0.0/30 was"));
}

TEST_F(LeasesTest, AChosenAddressIsClaimedAndOneThatIsTakenIsAConflict) {
  EXPECT_EQ(taken("web-1", on("web", "10.84.0.5/29")).address, "10.84.0.5/29");
  EXPECT_THAT(kept(), SizeIs(1));
  const auto twice = take("web-2", on("web", "10.84.0.5/29"));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::conflict);
  const auto elsewhere = take("web-2", on("web", "10.99.0.5/29"));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, Code::invalid);
  EXPECT_THAT(leases_->inventory().value(), SizeIs(1));
}

TEST_F(LeasesTest, AnAnswerThatWasLostLeaksNone) {
  sim_->set_fault("lost", 1, "POST /cluster/sdn/vnets/web/ips");
  const auto lost = take("web-1", on("web"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::unavailable);
  EXPECT_THAT(kept(), SizeIs(1));
  const Lease lease = taken("web-1", on("web"));
  EXPECT_THAT(kept(), ElementsAre(testing::Pair(address_of(lease.address), lease.mac)));
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(LeasesTest, AJobThatIsCancelledOverItsClaimLeaksNone) {
  fakes::MeddlingClient meddled(*client_);
  proxmox::Ipam ipam(meddled);
  Leases leases(ipam, folder_.path() / "ipam", "pve1");
  for (const char* vnet : {"web", "hushed"}) {
    system::Stop cancelled;
    meddled.after = [&](const std::string& line) -> std::optional<Error> {
      if (line.starts_with("POST")) {
        cancelled.request();
      }
      return std::nullopt;
    };
    const auto lease = leases.take(name("web-1"), job_, on(vnet), cancelled);
    ASSERT_TRUE(lease) << lease.error().message;
    EXPECT_THAT(leases_->inventory().value(), SizeIs(1)) << "its undo finds it";
    ASSERT_TRUE(give_back("web-1"));
    EXPECT_THAT(kept(), IsEmpty());
    EXPECT_TRUE(is_free("hushed", "quiet", address_of((*lease)->address)) ||
                std::string(vnet) == "web");
    EXPECT_EQ(leases.take(name("web-1"), job_, on(vnet), cancelled).error().code, Code::cancelled);
    EXPECT_THAT(leases_->inventory().value(), IsEmpty());
  }
}

TEST_F(LeasesTest, AnAnswerThatCannotBeReadLeaksNone) {
  fakes::MeddlingClient meddled(*client_);
  proxmox::Ipam ipam(meddled);
  Leases leases(ipam, folder_.path() / "ipam", "pve1");
  meddled.after = [&](const std::string& line) {
    return line.starts_with("POST") ? std::optional(Error{Code::broken, "no JSON", {}})
                                    : std::nullopt;
  };
  EXPECT_EQ(leases.take(name("web-1"), job_, on("web"), stop_).error().code, Code::broken);
  EXPECT_THAT(kept(), SizeIs(1));
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(LeasesTest, OneThatWasAskedForAndNeverHeardOfIsGivenBackIfItIsOurs) {
  sim_->set_fault("lost", 1, "POST /cluster/sdn/vnets/web/ips");
  ASSERT_FALSE(take("web-1", on("web", "10.84.0.5/29")));
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_THAT(kept(), IsEmpty());
  // The same, and somebody else has it meanwhile.
  sim_->set_fault("lost", 1, "POST /cluster/sdn/vnets/web/ips");
  ASSERT_FALSE(take("web-1", on("web", "10.84.0.5/29")));
  const auto ours = kept();
  admin("DELETE", "vnets/web/ips",
        {{"zone", "lab"}, {"mac", ours.at("10.84.0.5")}, {"ip", "10.84.0.5"}});
  somebody_takes("web", "lab", "10.84.0.5");
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_THAT(kept(), SizeIs(1));
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
}

TEST_F(LeasesTest, WhereProxmoxDoesNotTellWhoHasOneOnlyWhatItHasSaidToBeOursIsGivenBack) {
  ASSERT_EQ(taken("web-1", on("hushed", "10.85.0.5/29")).address, "10.85.0.5/29");
  EXPECT_FALSE(is_free("hushed", "quiet", "10.85.0.5"));
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_TRUE(is_free("hushed", "quiet", "10.85.0.5"));
  somebody_takes("hushed", "quiet", "10.85.0.5");
  sim_->set_fault("refused", 1, "POST /cluster/sdn/vnets/hushed/ips");
  EXPECT_FALSE(take("web-1", on("hushed", "10.85.0.5/29")));
  EXPECT_FALSE(take("web-1", on("hushed", "10.85.0.5/29")));
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_FALSE(is_free("hushed", "quiet", "10.85.0.5")) << "it was not ours";
}

TEST_F(LeasesTest, OneWhoseReturnWasLostIsNotTakenFromWhoeverHasItNext) {
  taken("web-1", on("hushed", "10.85.0.5/29"));
  sim_->set_fault("lost", 1, "DELETE /cluster/sdn/vnets/hushed/ips");
  EXPECT_FALSE(give_back("web-1"));
  somebody_takes("hushed", "quiet", "10.85.0.5");
  ASSERT_TRUE(give_back("web-1"));
  EXPECT_FALSE(is_free("hushed", "quiet", "10.85.0.5"));
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
}

TEST_F(LeasesTest, OneThatIsFoundIsGivenBackWithoutItsContainer) {
  taken("web-1", on("web"));
  const std::vector<FoundLease> found = leases_->inventory().value();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().container, "web-1");
  EXPECT_EQ(found.front().job, "job-1");
  ASSERT_TRUE(leases_->give_back(FoundLease{found.front().file, "web-1", "job-2"}, stop_));
  EXPECT_THAT(kept(), SizeIs(1)) << "it was another's";
  ASSERT_TRUE(leases_->give_back(found.front(), stop_));
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_TRUE(leases_->give_back(found.front(), stop_));
}

TEST_F(LeasesTest, ADamagedFileCostsItsOwnAddressOnly) {
  const Lease lease = taken("web-1", on("web"));
  taken("web-2", on("web"));
  const Path file = leases_->inventory().value().front().file;
  const Path folder = file.parent_path();
  const Path damaged = folder / address_of(lease.address);
  damage(damaged);
  EXPECT_NE(taken("web-3", on("web")).address, lease.address);
  ASSERT_TRUE(give_back("web-2"));
  const auto again = take("web-4", on("web", lease.address));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_THAT(again.error().message, HasSubstr(damaged.native()));
  EXPECT_THAT(leases_->inventory().value(), SizeIs(2));
  // Who knows what was in it gives it back all the same.
  ASSERT_TRUE(give_back("web-1", GivenLease{"web", lease}));
  EXPECT_FALSE(kept().contains(address_of(lease.address)));
  EXPECT_FALSE(std::filesystem::exists(damaged));
}

TEST_F(LeasesTest, ADamagedFileOfWhichNobodyKnowsGoesOnlyWithoutItsAddress) {
  const Lease lease = taken("web-1", on("web"));
  const Lease hushed = taken("web-1", on("hushed"));
  for (const char* text : {"", "{}", "no JSON", "{\"container\":\"web-1\",\"job\":\"job-1\"}"}) {
    const Path file = folder_.path() / "ipam/web" / address_of(lease.address);
    std::ofstream(file) << text;
    const FoundLease found{file, "", ""};
    EXPECT_EQ(leases_->inventory().value().front().job, "") << text;
    const Result<> held = leases_->give_back(found, stop_);
    ASSERT_FALSE(held) << text;
    EXPECT_EQ(held.error().code, Code::conflict);
    EXPECT_THAT(held.error().message, HasSubstr("--mac " + lease.mac));
    EXPECT_TRUE(std::filesystem::exists(file));
  }
  EXPECT_THAT(kept(), SizeIs(1));
  admin("DELETE", "vnets/web/ips",
        {{"zone", "lab"}, {"mac", lease.mac}, {"ip", address_of(lease.address)}});
  EXPECT_TRUE(leases_->give_back(leases_->inventory().value().front(), stop_));
  EXPECT_THAT(leases_->inventory().value(), IsEmpty());
}

TEST_F(LeasesTest, ARequestThatHangsHoldsNoOtherContainersLease) {
  fakes::MeddlingClient meddled(*client_);
  proxmox::Ipam ipam(meddled);
  Leases leases(ipam, folder_.path() / "ipam", "pve1");
  std::future<Result<std::optional<Lease>>> other;
  meddled.before = [&](const std::string& line) {
    if (line.starts_with("POST") && !other.valid()) {
      other = std::async(std::launch::async,
                         [&] { return leases.take(name("web-2"), job_, on("web"), stop_); });
      EXPECT_EQ(other.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    }
  };
  const auto lease = leases.take(name("web-1"), job_, on("web"), stop_);
  ASSERT_TRUE(lease) << lease.error().message;
  const auto others = other.get();
  ASSERT_TRUE(others) << others.error().message;
  EXPECT_NE((*lease)->address, (*others)->address);
  EXPECT_THAT(kept(), SizeIs(2));
}

TEST_F(LeasesTest, OneThatIsBeingAskedForIsGivenToNobodyElse) {
  fakes::MeddlingClient meddled(*client_);
  proxmox::Ipam ipam(meddled);
  Leases leases(ipam, folder_.path() / "ipam", "pve1");
  meddled.before = [&](const std::string& line) {
    if (line.starts_with("POST")) {
      const auto twice = take("web-2", on("web", "10.84.0.5/29"));
      ASSERT_FALSE(twice);
      EXPECT_EQ(twice.error().code, Code::conflict);
    }
  };
  EXPECT_TRUE(leases.take(name("web-1"), job_, on("web", "10.84.0.5/29"), stop_));
}

}  // namespace
}  // namespace drover::runtimes
