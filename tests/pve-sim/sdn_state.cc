#include "tests/pve-sim/sdn_state.h"

#include <algorithm>
#include <array>

#include "agent/core/split.h"
#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

constexpr std::array kSdnKinds{"zones", "vnets", "subnets"};

path sdn_file(const Place& place) {
  return place.directory / "sdn.json";
}

json::Object of_all_kinds() {
  json::Object all;
  for (const char* kind : kSdnKinds) {
    all.set(kind, json::Object{});
  }
  return all;
}

}  // namespace

const json::Object& SdnState::of(const json::Object& side, std::string_view kind) {
  return *side.find(kind)->object();
}

json::Object& SdnState::of(json::Object& side, std::string_view kind) {
  return *side.find(kind)->object();
}

const json::Object* SdnState::find(std::string_view kind, std::string_view id) const {
  const json::Value* found = of(config, kind).find(id);
  return found == nullptr ? nullptr : found->object();
}

bool SdnState::has_pending() const {
  return std::any_of(kSdnKinds.begin(), kSdnKinds.end(), [this](const char* kind) {
    const json::Object all = pending_of(*this, kind);
    return std::any_of(all.begin(), all.end(), [](const json::Member& one) {
      return one.second.find("pending") != nullptr;
    });
  });
}

json::Object* SdnState::addresses(const std::string& zone, const std::string& cidr) {
  json::Value* subnets = ipam.find(zone);
  json::Value* found = subnets == nullptr ? nullptr : subnets->object()->find(cidr);
  return found == nullptr ? nullptr : found->object();
}

Result<SdnState> load_sdn(const Place& place) {
  const Result<std::string> text = system::read_file(sdn_file(place));
  if (!text && text.error().code == Code::not_found) {
    return SdnState{of_all_kinds(), of_all_kinds(), {}, ""};
  }
  json::Value all = TRY(json::parse(TRY(text)));
  return SdnState{*all.at("running").object(), *all.at("config").object(), *all.at("ipam").object(),
                  std::string(all.at("lock").string_or(""))};
}

Result<> save_sdn(const Place& place, const SdnState& state) {
  return system::write_atomically(sdn_file(place),
                                  json::write(json::Object{{"running", state.running},
                                                           {"config", state.config},
                                                           {"ipam", state.ipam},
                                                           {"lock", state.lock}}));
}

json::Object pending_of(const SdnState& state, std::string_view kind) {
  const json::Object& running = SdnState::of(state.running, kind);
  const json::Object& config = SdnState::of(state.config, kind);
  json::Object all;
  for (const auto& [id, was] : running) {
    json::Object shown = *was.object();
    json::Object pending;
    const json::Value* is = config.find(id);
    if (is == nullptr) {
      shown.set("state", "deleted");
      shown.set("pending", json::Object{});
    } else if (!(*is == was)) {
      for (const auto& [key, value] : *was.object()) {
        if (is->find(key) == nullptr) {
          pending.set(key, "deleted");
        }
      }
      for (const auto& [key, value] : *is->object()) {
        if (!(was.at(key) == value)) {
          pending.set(key, value);
        }
      }
      shown.set("state", "changed");
      shown.set("pending", std::move(pending));
    }
    all.set(id, std::move(shown));
  }
  for (const auto& [id, is] : config) {
    if (running.find(id) != nullptr) {
      continue;
    }
    json::Object shown{{"state", "new"}};
    json::Object pending;
    for (const auto& [key, value] : *is.object()) {
      (key == "type" || key == "vnet" ? shown : pending).set(key, value);
    }
    shown.set("pending", std::move(pending));
    all.set(id, std::move(shown));
  }
  return all;
}

std::string cidr_of_subnet(std::string_view id) {
  const std::vector<std::string> parts = split(id, "-");
  return parts.size() == 3 ? parts[1] + "/" + parts[2] : "";
}

}  // namespace drover::pve_sim
