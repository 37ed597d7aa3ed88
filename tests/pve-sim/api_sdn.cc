// The methods below /cluster/sdn that are about all of it, and its zones.
#include <fmt/format.h>

#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/quorum.h"
#include "tests/pve-sim/sdn_change.h"

namespace drover::pve_sim {
namespace {

/// As generate_lock_token makes it, if for the time in it.
std::string new_lock_token() {
  const std::string text = system::read_file("/proc/sys/kernel/random/uuid").value_or("");
  return text.substr(0, text.find('\n'));
}

Answer release_sdn_lock(const Place& place, const Parameters& given) {
  const auto release = [](SdnState& state) -> Result<json::Value> {
    state.lock.clear();
    return json::Value();
  };
  if (!given.contains("force") || given.at("force") != "1") {
    return change_sdn(place, given, "could not release lock", release);
  }
  return change_ipam(place, [&](SdnState& state) -> Result<> {
    TRY(release(state));
    return {};
  });
}

/// Whether a call that was given the token gives the lock back, too.
bool releases(const Parameters& given) {
  return given.contains("lock-token") &&
         (!given.contains("release-lock") || given.at("release-lock") == "1");
}

Answer dry_run(const Place& place) {
  const Result<SdnState> state = load_sdn(place);
  if (!state) {
    return error(state.error().message);
  }
  std::string diff;
  for (const auto& [name, row] : pending_of(*state, "vnets")) {
    if (row.find("pending") != nullptr) {
      diff +=
          fmt::format("{}auto {}\n", row.at("state").string_or("") == "deleted" ? '-' : '+', name);
    }
  }
  json::Object answer{{"frr-diff", nullptr}, {"interfaces-diff", nullptr}};
  if (!diff.empty()) {
    answer.set("interfaces-diff", diff);
  }
  return with_data(std::move(answer));
}

}  // namespace

Answer Api::sdn(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                const std::string& user) {
  const std::string what = parts.size() > 2 ? parts[2] : "";
  if (what == "zones") {
    return sdn_zones(method, parts, form);
  }
  if (what == "vnets") {
    return sdn_vnets(method, parts, form);
  }
  if (what == "ipams") {
    return sdn_ipams(method, parts, form);
  }
  const std::string name = parts.size() == 4
                               ? fmt::format("{} /cluster/sdn/{}/{}", method, what, parts[3])
                               : method + " /cluster/sdn" + (what.empty() ? "" : "/") + what;
  if (parts.size() > 4 || !contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  const Parameters given = CHECKED(name, {});
  if (name == "POST /cluster/sdn/lock") {
    return change_sdn(
        place_, given, "could not acquire lock for SDN config",
        [&](SdnState& state) -> Result<json::Value> {
          const auto allowed = given.find("allow-pending");
          if ((allowed == given.end() || allowed->second != "1") && state.has_pending()) {
            return fail(Code::broken,
                        "configuration has pending changes at "
                        "/usr/share/perl5/PVE/API2/Network/SDN.pm line 121.");
          }
          state.lock = new_lock_token();
          return json::Value(state.lock);
        });
  }
  if (name == "DELETE /cluster/sdn/lock") {
    return release_sdn_lock(place_, given);
  }
  if (name == "POST /cluster/sdn/rollback") {
    return change_sdn(place_, given, "could not rollback SDN configuration",
                      [&](SdnState& state) -> Result<json::Value> {
                        state.config = state.running;
                        state.lock = releases(given) ? "" : state.lock;
                        return json::Value();
                      });
  }
  if (name == "PUT /cluster/sdn") {
    const Answer committed = change_sdn(place_, given, "could not commit SDN config",
                                        [&](SdnState& state) -> Result<json::Value> {
                                          state.running = state.config;
                                          state.lock = releases(given) ? "" : state.lock;
                                          return json::Value();
                                        });
    return committed.status == 200 ? start_task({"reloadnetworkall", "", {}}, user) : committed;
  }
  if (name == "GET /cluster/sdn/dry-run") {
    return dry_run(place_);
  }
  if (name == "GET /cluster/sdn/fabrics/all") {
    return with_data(json::Object{{"fabrics", json::Array{}}, {"nodes", json::Array{}}});
  }
  if (name == "GET /cluster/sdn/controllers") {
    return with_data(json::Array{});
  }
  json::Array folders;
  for (const char* folder : {"vnets", "zones", "controllers", "ipams", "dns", "fabrics"}) {
    folders.emplace_back(json::Object{{"id", folder}});
  }
  return with_data(std::move(folders));
}

Answer Api::sdn_zones(const std::string& method, const std::vector<std::string>& parts,
                      const Form& form) {
  const std::string name =
      method + (parts.size() == 3 ? " /cluster/sdn/zones" : " /cluster/sdn/zones/{zone}");
  if (parts.size() > 4 || !contract_.knows(name)) {
    return not_implemented(method, parts);
  }
  const Parameters given =
      CHECKED(name, parts.size() == 3 ? Parameters{} : (Parameters{{"zone", parts[3]}}));
  if (method == "GET") {
    const Result<SdnState> state = load_sdn(place_);
    if (!state) {
      return error(state.error().message);
    }
    return sdn_listed(*state, "zones", "zone", given, parts.size() == 3 ? "" : parts[3]);
  }
  const std::string& zone = given.at("zone");
  if (method == "DELETE") {
    return change_sdn(place_, given, "delete sdn zone object failed",
                      [&](SdnState& state) -> Result<json::Value> {
                        for (const auto& [vnet, row] : SdnState::of(state.config, "vnets")) {
                          if (row.at("zone").string_or("") == zone) {
                            return fail(Code::broken, "zone {} is used by vnet {}", zone, vnet);
                          }
                        }
                        if (!SdnState::of(state.config, "zones").erase(zone)) {
                          return fail(Code::broken, "sdn '{}' does not exist", zone);
                        }
                        return json::Value();
                      });
  }
  return change_sdn(place_, given, "create sdn zone object failed",
                    [&](SdnState& state) -> Result<json::Value> {
                      if (state.find("zones", zone) != nullptr) {
                        return fail(Code::broken, "sdn zone object ID '{}' already defined", zone);
                      }
                      const bool has_bridge = given.contains("bridge");
                      const std::string& type = given.at("type");
                      if ((type == "vlan" || type == "qinq") && !has_bridge) {
                        return bad_sdn_parameter("bridge", "missing value for required option");
                      }
                      SdnState::of(state.config, "zones").set(zone, sdn_section(given, {"zone"}));
                      return json::Value();
                    });
}

}  // namespace drover::pve_sim
