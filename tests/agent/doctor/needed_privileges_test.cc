// What jobs need, held against what each method of the API wants granted.
#include "agent/doctor/needed_privileges.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "tests/pve-sim/permissions.h"

namespace drover::doctor {
namespace {

using testing::IsEmpty;
using testing::Not;

/// A configuration that can be asked for everything.
Config whole_config() {
  Config config;
  config.storage.default_storage = "tank";
  config.storage.guest_storage = "guests";
  config.storage.template_storages = {"nfs"};
  config.network.default_bridge = "vmbr7";
  config.runtime.rules = {{"db-*", RuntimeKind::pve_lxc}};
  return config;
}

/// Of the simulator's methods those that Drover does not call: admins do, and the tests for them.
bool is_for_admins(const std::string& method) {
  const bool changes_storages =
      !method.starts_with("GET ") &&
      (method.ends_with(" /storage") || method.ends_with(" /storage/{storage}"));
  return changes_storages || method.find(" /access/") != std::string::npos;
}

bool covers(const proxmox::Privilege& granted, const std::string& path) {
  return granted.path == "/" || granted.path == path || path.starts_with(granted.path + "/");
}

/// What a method that begins wants and `needed` has not got; each storage may be one of the config.
std::string refusal(const pve_sim::Permissions& permissions, const std::string& method,
                    const std::vector<Need>& needed) {
  const pve_sim::Has has = [&](const std::string& path, const std::string& name) {
    return std::any_of(needed.begin(), needed.end(), [&](const Need& need) {
      return need.privilege.name == name && covers(need.privilege, path);
    });
  };
  std::string why;
  for (const char* storage : {"tank", "guests", "nfs"}) {
    why = permissions.refusal(method, {{"node", "pve1"}, {"vmid", "900000"}, {"storage", storage}},
                              has);
    if (why.empty()) {
      return "";
    }
  }
  return method + ": " + why;
}

std::vector<std::string> refused(const std::vector<Need>& needed) {
  const pve_sim::Permissions permissions;
  std::vector<std::string> all;
  for (const std::string& method : pve_sim::Contract().methods()) {
    const std::string why = is_for_admins(method) ? "" : refusal(permissions, method, needed);
    if (!why.empty()) {
      all.push_back(why);
    }
  }
  return all;
}

TEST(NeededPrivileges, EveryMethodThatIsCalledIsAllowedByThem) {
  EXPECT_THAT(refused(needed_privileges(whole_config(), "pve1")), IsEmpty());
}

TEST(NeededPrivileges, WithoutWhatSomeJobsNeedOnlyTheirMethodsAreRefused) {
  std::vector<Need> needed = needed_privileges(whole_config(), "pve1");
  std::erase_if(needed, [](const Need& need) { return !need.by.empty(); });
  const std::vector<std::string> without = refused(needed);
  EXPECT_THAT(without, Not(IsEmpty()));
  for (const std::string& why : without) {
    EXPECT_TRUE(why.find("/network") != std::string::npos ||
                why.find(" /cluster/") != std::string::npos)
        << why;
  }
}

TEST(NeededPrivileges, TheSimulatorKnowsWhatEachOfItsMethodsWants) {
  const pve_sim::Permissions permissions;
  for (const std::string& method : pve_sim::Contract().methods()) {
    EXPECT_TRUE(permissions.knows(method)) << method << " is in contract.json only";
  }
}

std::set<std::string> on(const std::vector<Need>& needed, const std::string& path) {
  std::set<std::string> names;
  for (const Need& need : needed) {
    if (need.privilege.path == path) {
      names.insert((need.by.empty() ? "" : "some: ") + need.privilege.name);
    }
  }
  return names;
}

TEST(NeededPrivileges, AreThoseForWhatTheConfigurationNames) {
  Config config = whole_config();
  std::vector<Need> needed = needed_privileges(config, "pve1");
  using Names = std::set<std::string>;
  EXPECT_EQ(on(needed, "/storage/tank"),
            (Names{"Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.Audit"}));
  EXPECT_EQ(on(needed, "/storage/guests"), (Names{"Datastore.AllocateSpace", "Datastore.Audit"}));
  EXPECT_EQ(on(needed, "/storage/nfs"),
            (Names{"Datastore.Allocate", "Datastore.AllocateTemplate", "Datastore.Audit"}));
  EXPECT_EQ(on(needed, "/nodes/pve1"),
            (Names{"Sys.AccessNetwork", "Sys.Audit", "some: Sys.Modify"}));
  EXPECT_EQ(on(needed, "/sdn/zones/localnetwork/vmbr7"), Names{"SDN.Use"});
  EXPECT_EQ(on(needed, "/sdn/zones/localnetwork"), Names{"some: SDN.Use"});
  EXPECT_EQ(on(needed, "/"), Names{"some: Sys.Audit"});
  EXPECT_TRUE(on(needed, "/vms").contains("VM.Allocate"));

  // Of the SDN's bridges only the admin knows the zone.
  EXPECT_THAT(on(needed_privileges(config, "pve1", true), "/sdn/zones/localnetwork/vmbr7"),
              IsEmpty());

  config.storage.default_storage = "local-folder";
  config.storage.template_storages.clear();
  config.runtime.rules.clear();
  needed = needed_privileges(config, "pve1");
  EXPECT_TRUE(on(needed, "/vms").contains("some: VM.Allocate"));
  EXPECT_THAT(on(needed, "/storage/local-folder"), IsEmpty());
  EXPECT_EQ(on(needed, "/nodes/pve1"), (Names{"Sys.Audit", "some: Sys.Modify"}));
}

TEST(NeededPrivileges, NoneIsNamedTwice) {
  Config config = whole_config();
  config.storage.guest_storage = "tank";
  config.storage.template_storages = {"tank"};
  std::set<proxmox::Privilege> seen;
  for (const Need& need : needed_privileges(config, "pve1")) {
    EXPECT_TRUE(seen.insert(need.privilege).second) << need.privilege.name;
  }
}

}  // namespace
}  // namespace drover::doctor
