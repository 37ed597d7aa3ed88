#include "runtimes/guest/guest_config.h"

namespace drover::runtimes {

Result<> change_guest(proxmox::Client& client, Vmid vmid, const ConfigChange& change,
                      const system::Stop& stop) {
  const std::string path = fmt::format("/nodes/{}/lxc/{}/config", client.node(), vmid.value);
  constexpr int kMostTries = 5;
  for (int tries = 1;; ++tries) {
    const json::Value config = TRY(client.get(path, {}, stop));
    proxmox::Form form = TRY(change(config));
    if (form.empty()) {
      return {};
    }
    form.emplace_back("digest", config.at("digest").string_or(""));
    const Result<json::Value> put = client.put(path, form, stop);
    if (put) {
      return {};
    }
    const bool unsure = put.error().code == Code::conflict || put.error().code == Code::timed_out;
    if (!unsure || tries == kMostTries) {
      return Failure(put.error());
    }
  }
}

}  // namespace drover::runtimes
