// The kernel's files of counters, as text: control groups of both versions, and interfaces.
//
// Formats: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/*.rst and proc_pid_net(5). Names of
// interfaces in them are chosen by who is root inside.
#pragma once

#include <string_view>
#include <vector>

#include "runtimes/usage.h"

namespace drover::runtimes {

/// Of a file that holds one number; none for "max" and for what is none.
Count single_number(std::string_view text);
/// Of a file of "KEY NUMBER" lines; none when it has no such key.
Count number_of_key(std::string_view text, std::string_view key);
/// Cores' worth of time of "QUOTA PERIOD", both in µs; none without a limit ("max", -1).
std::optional<double> cores_of(std::string_view quota, std::string_view period);

/// io.stat of cgroup v2: "MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N ..." lines.
IoUsage io_of_stat(std::string_view text);
struct ReadsAndWrites {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};
/// A file of blkio of cgroup v1: "MAJOR:MINOR Read N" and "... Write N" lines.
ReadsAndWrites sums_of_blkio(std::string_view text);

/// /proc/PID/net/dev, without "lo" and without what has no name in printable ASCII; at most 64.
std::vector<InterfaceUsage> interfaces_of(std::string_view text);

}  // namespace drover::runtimes
