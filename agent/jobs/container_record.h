// ContainerRecord: what the journal keeps about one container, besides its status.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "runtimes/container.h"
#include "runtimes/network/network.h"
#include "runtimes/snapshots.h"
#include "runtimes/volumes/volume.h"

namespace drover::jobs {

/// What a container's root is made of.
struct Root {
  std::string image;     ///< as its spec names it
  runtimes::Path lower;  ///< the folder below the overlay
  runtimes::ImageConfig config;
  std::string layers{};  ///< Layout::root_layers
};

struct ContainerRecord {
  runtimes::Container container;
  std::vector<runtimes::Volume> volumes;         ///< as far as they were made
  std::vector<runtimes::Attachment> interfaces;  ///< as far as they were made
  runtimes::Path lower{};                        ///< the folder below the root's overlay
  std::vector<runtimes::Snapshot> snapshots{};   ///< as the last job about them has found them
  std::vector<std::string> pending{};  ///< Runtime::pending, as the last update has found them
  std::string layers{};                ///< Layout::root_layers of its root
  std::optional<Root> former{};        ///< that it can be put back to
  /// While a job changes its root: the one that it has not, be that the new one or the old one.
  std::optional<Root> aside{};
};

Root root_of(const ContainerRecord& record);
void set_root(ContainerRecord& record, const Root& root);
json::Value to_json(const Root& root);
/// None of null.
std::optional<Root> root_from_json(const json::Value& value);

/// Its interfaces as its spec asks for them.
std::vector<NetworkSpec> networks_of(const ContainerRecord& record);
/// That of them with this name; none when there is none.
std::optional<NetworkSpec> network_for(const ContainerRecord& record, std::string_view interface);

/// The container's addresses, each by its interface, as events tell them: those that were given out
/// and those that its job has chosen. Empty where nobody knows.
json::Object addresses_by_interface(const ContainerRecord& record);

/// The claim's name of one that is a singleton.
std::string claim_of(const runtimes::Container& container);
/// "name" and "attempt" of the claim it runs for.
json::Object claim_view(const runtimes::Container& container);

/// Container::users of a record, without reading the rest of it.
std::uint32_t users_in(const json::Value& record);

json::Value to_json(const runtimes::ImageConfig& image);
runtimes::ImageConfig image_config_from_json(const json::Value& value);
json::Value to_json(const ContainerRecord& record);
/// `broken` when the journal holds what is no record.
Result<ContainerRecord> container_record_from_json(const json::Value& value);
/// The same from a journal's text.
Result<ContainerRecord> container_record_from(const std::string& text);
/// `refused`, naming what of it no spec can say, for a record that could not be read again: a row
/// of it would be worse than none. An admin may make such of a guest.
Result<> check_readable(const ContainerRecord& record);
/// Takes out of a journal's text what holds after the next start only, as that is the next thing
/// that can come.
Result<> forget_pending(std::string& text);

}  // namespace drover::jobs
