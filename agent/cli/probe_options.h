// ProbeOptions: how `drover run` says what a container is probed by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/probe_spec.h"

namespace CLI {
class App;
}

namespace drover::cli {

struct ProbeOptions {
  std::vector<std::string> http{};  ///< "PORT[/PATH]"
  std::vector<std::string> tcp{};   ///< "PORT"
  std::vector<std::string> exec{};  ///< words with spaces between, or a JSON array of them
  // Of all of them; none for the node's own.
  std::optional<std::int64_t> interval_s{};
  std::optional<std::int64_t> timeout_s{};
  std::optional<std::int64_t> failures{};
  std::optional<std::int64_t> start_period_s{};
};

void add_probe_options(CLI::App& command, ProbeOptions& options);

/// Named for what they ask: "http-8080", "tcp-5432", "exec", "exec-2". Errors are `invalid` and
/// name the option.
Result<std::vector<ProbeSpec>> read_probes(const ProbeOptions& options);

}  // namespace drover::cli
