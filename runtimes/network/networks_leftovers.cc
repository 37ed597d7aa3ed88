// What is left on the node of networks of containers, found and taken away without their specs.
#include <filesystem>
#include <map>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/link.h"
#include "runtimes/network/kernel_rules.h"
#include "runtimes/network/network.h"
#include "runtimes/network/reservations.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kNamespacePrefix = "drover-";

Failure failed_to_list(const Path& folder, const std::error_code& error) {
  return fail(Code::broken, "list {}: {}", folder.native(), error.message());
}

/// The files of one bridge's folder that stand for addresses.
Result<> add_addresses(const Path& folder, std::vector<FoundAddress>& found) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string container = holder_at(entry->path()).container;
    if (!container.empty()) {
      found.push_back({entry->path(), container});
    }
  }
  return error ? failed_to_list(folder, error) : Result<>();
}

}  // namespace

Result<std::vector<std::string>> Networks::namespaces() const {
  const Path folder = "/run/netns";
  std::vector<std::string> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string id = entry->path().filename();
    if (id.starts_with(kNamespacePrefix) &&
        ContainerName::parse(id.substr(kNamespacePrefix.size()))) {
      found.push_back(id.substr(kNamespacePrefix.size()));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return failed_to_list(folder, error);
  }
  return found;
}

Result<> Networks::remove_interface(const FoundInterface& found, const system::Stop& stop) {
  const std::vector<FoundInterface> now = TRY(inventory(stop));
  for (const FoundInterface& interface : now) {
    if (interface == found) {
      const ContainerName name = TRY(ContainerName::parse(found.container));
      TRY(end_chains(name, found.job, stop));
      if (!TRY(system::look_at_link(found.host_interface))) {
        continue;  // its plugin has taken it away
      }
      TRY(system::run_ok({"ip", "link", "delete", "dev", found.host_interface}, stop));
    }
  }
  return {};
}

Result<std::vector<FoundAddress>> Networks::addresses() const {
  std::vector<FoundAddress> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout_.cni(), error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error) && !error) {
      TRY(add_addresses(entry->path(), found));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return failed_to_list(layout_.cni(), error);
  }
  return found;
}

Result<> Networks::release_address(const FoundAddress& address) {
  if (address.file.parent_path().parent_path() != layout_.cni()) {
    return fail(Code::refused, "{} is no address given out below {}", address.file.native(),
                layout_.cni().native());
  }
  const Result<ContainerName> name = ContainerName::parse(address.container);
  if (name && pinned(*name).empty()) {
    // Rules that send a port to it would send it to whoever has the address next.
    const system::Stop never;
    TRY(end_chains(*name, "", never));
  }
  return free_address(address.file, {address.container, ""});
}

Result<std::vector<LostRules>> Networks::lost_rules(const system::Stop& stop,
                                                    const std::string& container) const {
  std::vector<LostRules> lost;
  std::map<bool, KernelRules> saved;  // by IP version, read when it is first needed
  for (const Path& folder : system::children_of(layout_.cni_chains())) {
    if (!container.empty() && folder.filename() != container) {
      continue;
    }
    for (const PluginChain& chain : kept_chains(layout_.cni_chains(), folder.filename())) {
      if (!has_kernel_rules(chain)) {
        continue;
      }
      const bool six = has_six(chain);
      if (!saved.contains(six)) {
        saved.emplace(six, TRY(read_kernel_rules(six, stop)));
      }
      std::set<std::string> plugins = lost_plugins(chain, saved.at(six));
      if (!plugins.empty()) {
        lost.push_back({chain.container, chain.interface, place_of(chain), std::move(plugins)});
      }
    }
  }
  return lost;
}

}  // namespace drover::runtimes
