#include "runtimes/network/reservations.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/core/ids.h"

namespace drover::runtimes {
namespace {

/// A file of host-local holds two short lines.
constexpr std::size_t kMostReservation = 4096;

/// host-local's own lock: it gives out an address, or takes one back, only while it has this.
Result<system::UniqueFd> lock_reservations(const system::Path& folder) {
  const system::Path file = folder / "lock";
  system::UniqueFd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid() || flock(lock.get(), LOCK_EX) != 0) {
    return fail(Code::broken, "lock {}: {}", file.native(), std::strerror(errno));
  }
  return lock;
}

}  // namespace

AddressHolder holder_of(std::string_view text) {
  // "CONTAINER\r\nINTERFACE"; plugins before 0.8 wrote the container alone.
  const std::size_t line = text.find_first_of("\r\n");
  const Result<ContainerName> name = ContainerName::parse(text.substr(0, line));
  if (!name) {
    return {};
  }
  const std::size_t next = text.find_first_not_of("\r\n", line);
  if (line == std::string_view::npos || next == std::string_view::npos) {
    return {name->str(), ""};
  }
  const std::string_view rest = text.substr(next);
  return {name->str(), std::string(rest.substr(0, rest.find_first_of("\r\n")))};
}

AddressHolder holder_at(const system::Path& file) {
  const Result<std::string> text = system::read_file(file, kMostReservation);
  return text ? holder_of(*text) : AddressHolder{};
}

Result<> reserve_address(const system::Path& folder, const std::string& address,
                         const AddressHolder& holder) {
  TRY(system::make_folders(folder, 0755));
  const system::UniqueFd lock = TRY(lock_reservations(folder));
  const system::Path file = folder / address;
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
    const AddressHolder now = holder_at(file);
    if (now == holder) {
      return {};
    }
    const std::string whose = now.container.empty() ? "what " + file.native() + " says"
                                                    : fmt::format("interface {} of container {}",
                                                                  now.interface, now.container);
    return fail(Code::conflict, "address {} is taken by {}: choose another", address, whose);
  }
  return system::write_atomically(file, holder.container + "\r\n" + holder.interface);
}

Result<> free_address(const system::Path& file, const AddressHolder& holder) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
    return {};
  }
  const system::UniqueFd lock = TRY(lock_reservations(file.parent_path()));
  const AddressHolder now = holder_at(file);
  if (now.container != holder.container ||
      (!holder.interface.empty() && now.interface != holder.interface)) {
    return {};
  }
  std::filesystem::remove(file, error);
  return error ? fail(Code::broken, "remove {}: {}", file.native(), error.message()) : Result<>();
}

}  // namespace drover::runtimes
