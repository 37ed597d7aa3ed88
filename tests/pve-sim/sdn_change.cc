#include "tests/pve-sim/sdn_change.h"

#include <fmt/format.h>

#include <mutex>

#include "tests/pve-sim/quorum.h"

namespace drover::pve_sim {
namespace {

std::mutex changing_sdn;

Result<json::Value> changed_under_lock(
    const Place& place, const Parameters& given,
    const std::function<Result<json::Value>(SdnState&)>& change) {
  if (!has_quorum(place)) {
    return fail(Code::broken, "cfs-lock 'domain-sdn' error: no quorum!");
  }
  SdnState state = TRY(load_sdn(place));
  const auto token = given.find("lock-token");
  if (!state.lock.empty() && (token == given.end() || token->second != state.lock)) {
    return fail(Code::broken,
                "invalid lock token provided! at /usr/share/perl5/PVE/Network/SDN.pm line 269.");
  }
  json::Value answer = TRY(change(state));
  TRY(save_sdn(place, state));
  return answer;
}

}  // namespace

Failure bad_sdn_parameter(const std::string& name, const std::string& text) {
  return fail(Code::broken, "400 Parameter verification failed.\n{}: {}\n", name, text);
}

Answer change_sdn(const Place& place, const Parameters& given, const std::string& what,
                  const std::function<Result<json::Value>(SdnState&)>& change) {
  const std::lock_guard one_at_a_time(changing_sdn);
  Result<json::Value> changed = changed_under_lock(place, given, change);
  return changed ? with_data(std::move(*changed)) : error(what + ": " + changed.error().message);
}

json::Object sdn_section(const Parameters& given, const std::set<std::string>& without) {
  json::Object section;
  for (const auto& [key, value] : given) {
    if (key == "lock-token" || without.contains(key)) {
      continue;
    }
    const bool is_number = key == "tag" || key == "snat" || key == "vlanaware" || key == "mtu";
    section.set(key, is_number ? json::Value(json::Value(value).integer_or(0)) : value);
  }
  return section;
}

Answer sdn_listed(const SdnState& state, const std::string& kind, const std::string& key,
                  const Parameters& given, const std::string& id) {
  const auto is_asked = [&](const char* which) {
    return given.contains(which) && given.at(which) == "1";
  };
  const json::Object all = is_asked("pending")   ? pending_of(state, kind)
                           : is_asked("running") ? SdnState::of(state.running, kind)
                                                 : SdnState::of(state.config, kind);
  json::Array list;
  for (const auto& [name, row] : all) {
    json::Object shown = *row.object();
    shown.set(key, name);
    shown.set("digest", std::string(40, '0'));
    if (name == id) {
      return with_data(std::move(shown));
    }
    list.emplace_back(std::move(shown));
  }
  if (!id.empty()) {
    return error(kind == "zones" ? fmt::format("sdn '{}' does not exist", id)
                                 : fmt::format("sdn {} '{}' does not exist", key, id));
  }
  return with_data(std::move(list));
}

Answer change_ipam(const Place& place, const std::function<Result<>(SdnState&)>& change) {
  const std::lock_guard one_at_a_time(changing_sdn);
  const auto change_it = [&]() -> Result<> {
    SdnState state = TRY(load_sdn(place));
    TRY(change(state));
    return save_sdn(place, state);
  };
  const Result<> changed = change_it();
  return changed ? with_data(nullptr) : error(changed.error().message);
}

}  // namespace drover::pve_sim
