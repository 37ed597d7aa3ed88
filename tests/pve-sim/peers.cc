#include "tests/pve-sim/peers.h"

#include <filesystem>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "tests/pve-sim/guest_config.h"

namespace drover::pve_sim {
namespace {

path own_place_file(const path& directory) {
  return directory / "place.json";
}

}  // namespace

Result<> write_own_place(const Place& place) {
  return system::write_atomically(
      own_place_file(place.directory),
      json::write(
          json::Object{{"node", place.node},
                       {"lxc_path", place.lxc_path.string()},
                       {"bridges", json::Array(place.bridges.begin(), place.bridges.end())}}));
}

std::optional<Place> find_peer(const Place& place, const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return std::nullopt;
  }
  std::error_code failure;
  const path directory = std::filesystem::canonical(place.peer(name), failure);
  const Result<std::string> text = system::read_file(own_place_file(directory));
  const Result<json::Value> told = text ? json::parse(*text) : Failure(text.error());
  if (failure || !told || told->at("bridges").array() == nullptr) {
    return std::nullopt;
  }
  Place peer;
  peer.directory = directory;
  peer.lxc_path = std::string(told->at("lxc_path").string_or(""));
  peer.node = told->at("node").string_or("");
  for (const json::Value& bridge : *told->at("bridges").array()) {
    peer.bridges.emplace_back(bridge.string_or(""));
  }
  peer.allocation = place.allocation;
  peer.lock_wait = place.lock_wait;
  return peer;
}

std::vector<Place> all_peers(const Place& place) {
  std::vector<Place> peers;
  std::error_code failure;
  for (const auto& entry :
       std::filesystem::directory_iterator(place.directory / "nodes", failure)) {
    if (std::optional<Place> peer = find_peer(place, entry.path().filename().string())) {
      peers.push_back(std::move(*peer));
    }
  }
  return peers;
}

std::string node_with_guest(const Place& place, const std::string& vmid) {
  if (load_guest(place, vmid)) {
    return place.node;
  }
  for (const Place& peer : all_peers(place)) {
    if (load_guest(peer, vmid)) {
      return peer.node;
    }
  }
  return "";
}

}  // namespace drover::pve_sim
