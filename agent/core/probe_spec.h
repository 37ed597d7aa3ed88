// ProbeSpec: how a node finds out whether a container does what it is there for.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// One question asked again and again while the container runs. A container of which a probe has
/// failed `failures` times in a row is unhealthy, and is ended so that its restart policy applies.
struct ProbeSpec {
  enum class Kind {
    exec,  ///< a program inside ends with 0
    http,  ///< GET answers with a status from 200 to 399
    tcp,   ///< a port takes a connection
  };
  std::string name;  ///< a DNS label, unique in the container
  Kind kind = Kind::exec;
  std::vector<std::string> command{};  ///< exec
  std::uint16_t port = 0;              ///< http, tcp: in the container's own network
  std::string path = "/";              ///< http
  std::chrono::seconds interval{10};
  std::chrono::seconds timeout{2};
  std::int64_t failures = 3;
  /// Failures in this time after the start do not count; a success ends it early.
  std::chrono::seconds start_period{0};
  bool operator==(const ProbeSpec&) const = default;
};

std::string_view to_string(ProbeSpec::Kind kind);

/// One element of a spec's member "probes": {"name", one of "exec": {"command"}, "http": {"port",
/// "path"} and "tcp": {"port"}, "interval_s", "timeout_s", "failures", "start_period_s"}.
ProbeSpec read_probe(const json::Value& value, std::string pointer, Faults& faults);
/// The inverse; what has its default is left out.
json::Value to_json(const ProbeSpec& probe);

}  // namespace drover
