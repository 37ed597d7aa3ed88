// RunOptions: the command line of `drover run` and `drover create`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/cli/confinement_options.h"
#include "agent/cli/input_pump.h"
#include "agent/cli/job_flags.h"
#include "agent/cli/network_options.h"
#include "agent/cli/placement_options.h"
#include "agent/cli/probe_options.h"
#include "agent/core/container_spec.h"

namespace drover::cli {

struct RunOptions {
  Verb verb = Verb::container_run;
  std::string file;  ///< a spec as JSON with comments; the other options change it
  std::string name;
  std::string id;
  std::string runtime;
  std::string image;
  std::string rootfs;
  std::vector<std::string> env;
  std::vector<std::string> volumes;
  std::vector<std::string> mounts;
  std::vector<std::string> labels;
  std::vector<std::string> tmpfs;
  std::vector<std::string> secrets;
  std::string memory;
  std::string swap;
  std::string cpuset;
  std::uint64_t cpu_shares = 0;
  double cpus = 0;
  std::uint64_t pids = 0;
  std::string disk;
  std::string user;
  std::string workdir;
  std::string hostname;
  bool singleton = false;
  std::string stop_signal;
  std::optional<std::int64_t> grace_s;
  std::string restart;
  std::vector<int> exempt_codes;
  ConfinementOptions confinement;
  NetworkOptions network;
  ProbeOptions probes;
  PlacementOptions placement;
  InputFlags input;
  bool wait = false;
  bool remove = false;
  JobFlags flags;
  std::vector<std::string> command;

  /// Whether `drover run` stays until the container has ended.
  bool follows() const {
    return verb == Verb::container_run && (wait || input.input || input.terminal);
  }
};

/// What a container is made of, for both.
void add_container_options(CLI::App& command, RunOptions& options);
/// And whether `drover run` waits for it.
void add_wait_options(CLI::App& command, RunOptions& options);

/// The job they ask for. `invalid` with every fault of the file or of the options.
Result<JobRequest> run_request(const RunOptions& options);

}  // namespace drover::cli
