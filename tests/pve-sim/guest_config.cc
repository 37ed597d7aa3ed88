#include "tests/pve-sim/guest_config.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <chrono>
#include <sstream>

#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "tests/pve-sim/storage_config.h"

namespace drover::pve_sim {
namespace {

constexpr std::chrono::milliseconds kPauseOfLock{20};

}  // namespace

std::map<std::string, std::string> read_property_string(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t cut = part.find('=');
    if (cut == std::string_view::npos) {
      out[""] = part;
    } else if (part.substr(0, cut) == "volume") {
      out[""] = part.substr(cut + 1);
    } else {
      out[std::string(part.substr(0, cut))] = part.substr(cut + 1);
    }
  }
  return out;
}

path guest_file(const Place& place, const std::string& vmid) {
  return place.guests() / (vmid + ".json");
}

std::optional<json::Object> load_guest(const Place& place, const std::string& vmid) {
  const Result<std::string> text = system::read_file(guest_file(place, vmid));
  if (!text) {
    return std::nullopt;
  }
  Result<json::Value> value = json::parse(*text);
  if (!value || value->object() == nullptr) {
    return std::nullopt;
  }
  return *value->object();
}

Result<> save_guest(const Place& place, const std::string& vmid, const json::Object& config) {
  return system::write_atomically(guest_file(place, vmid), json::write(config), 0600);
}

std::string digest_of(const json::Object& config) {
  const std::string text = json::write(config);
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), bytes.data(), &length, EVP_sha1(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    hex += fmt::format("{:02x}", bytes[i]);
  }
  return hex;
}

std::vector<std::string> guest_ids(const Place& place) {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator(place.guests())) {
    if (entry.path().extension() == ".json") {
      ids.push_back(entry.path().stem().string());
    }
  }
  return ids;
}

Result<json::Object> wait_for_config(const Place& place, const std::string& vmid,
                                     const system::Stop& stop) {
  system::SystemClock clock;
  const system::Instant until = clock.now() + place.lock_wait;
  for (;;) {
    std::optional<json::Object> config = load_guest(place, vmid);
    if (!config) {
      return fail(Code::not_found, "Configuration file 'nodes/{}/lxc/{}.conf' does not exist",
                  place.node, vmid);
    }
    const json::Value* lock = config->find("lock");
    if (lock == nullptr || lock->string_or("") != "create") {
      return std::move(*config);
    }
    if (clock.now() >= until) {
      return fail(Code::unavailable,
                  "can't lock file '/run/lock/lxc/pve-config-{}.lock' - got timeout", vmid);
    }
    TRY(clock.sleep_for(kPauseOfLock, stop));
  }
}

std::optional<int> guest_process(const Place& place, const std::string& vmid) {
  const Result<std::string> told = system::run_ok(
      {"lxc-info", "-P", place.lxc_path.string(), "-n", vmid, "-s", "-p"}, system::Stop());
  // "State: RUNNING", and on the next line "PID: 123".
  std::istringstream words(told.value_or(""));
  std::string name;
  std::string state;
  int pid = 0;
  words >> name >> state >> name >> pid;
  // A frozen one runs: Proxmox looks for its monitor, and no further.
  return state.empty() || state == "STOPPED" ? std::nullopt : std::optional(pid);
}

bool guest_runs(const Place& place, const std::string& vmid) {
  return guest_process(place, vmid).has_value();
}

std::string storage_of(std::string_view volid) {
  const std::size_t colon = volid.find(':');
  return std::string(colon == std::string_view::npos ? "" : volid.substr(0, colon));
}

std::optional<path> volume_path(const Place& place, std::string_view volid) {
  const std::string storage = storage_of(volid);
  const std::string type = storage_type(place, storage);
  if (type.empty()) {
    return std::nullopt;
  }
  volid.remove_prefix(storage.size() + 1);
  if (volid.empty() || volid.front() == '/' || volid.find("..") != std::string_view::npos) {
    return std::nullopt;
  }
  if (storage == "local" && volid.starts_with("vztmpl/")) {
    return place.templates() / volid.substr(7);
  }
  if (volid.starts_with("backup/")) {
    return place.dump(storage) / volid.substr(7);
  }
  const path file = place.images(storage) / volid;
  // There a raw volume is a file in a subvolume of its own, which is called as the volume is.
  return type == "btrfs" && file.extension() == ".raw" ? path(file).replace_extension() / "disk.raw"
                                                       : file;
}

}  // namespace drover::pve_sim
