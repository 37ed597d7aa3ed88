// What is left on the node of networks of containers, found and taken away without their specs.
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/system/child.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kNamespacePrefix = "drover-";
/// A file of host-local holds two short lines.
constexpr std::size_t kMostReservation = 4096;

Failure failed_to_list(const Path& folder, const std::error_code& error) {
  return fail(Code::broken, "list {}: {}", folder.native(), error.message());
}

/// The files of one bridge's folder that stand for addresses.
Result<> add_addresses(const Path& folder, std::vector<FoundAddress>& found) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const Result<std::string> text = system::read_file(entry->path(), kMostReservation);
    const std::string container = text ? container_of_reservation(*text) : "";
    if (!container.empty()) {
      found.push_back({entry->path(), container});
    }
  }
  return error ? failed_to_list(folder, error) : Result<>();
}

}  // namespace

std::string container_of_reservation(std::string_view text) {
  // "CONTAINER\r\nINTERFACE"; plugins before 0.8 wrote the container alone.
  const std::string_view first = text.substr(0, text.find_first_of("\r\n"));
  const Result<ContainerName> name = ContainerName::parse(first);
  return name ? name->str() : "";
}

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

Result<> Networks::remove_interface(const FoundInterface& found, const system::Stop& stop) const {
  const std::vector<FoundInterface> now = TRY(inventory(stop));
  for (const FoundInterface& interface : now) {
    if (interface == found) {
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

Result<> Networks::release_address(const FoundAddress& address) const {
  if (address.file.parent_path().parent_path() != layout_.cni()) {
    return fail(Code::refused, "{} is no address given out below {}", address.file.native(),
                layout_.cni().native());
  }
  // host-local's own lock: it gives out an address, or takes one back, only while it has this.
  const Path file = address.file.parent_path() / "lock";
  const system::UniqueFd lock(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid() || flock(lock.get(), LOCK_EX) != 0) {
    return fail(Code::broken, "lock {}: {}", file.native(), std::strerror(errno));
  }
  const Result<std::string> text = system::read_file(address.file, kMostReservation);
  if (!text || container_of_reservation(*text) != address.container) {
    return {};
  }
  std::error_code error;
  std::filesystem::remove(address.file, error);
  return error ? fail(Code::broken, "remove {}: {}", address.file.native(), error.message())
               : Result<>();
}

}  // namespace drover::runtimes
