#include "agent/cli/own_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

using Word = std::pair<std::string_view, std::string_view>;

struct CommandOf {
  Verb verb;
  std::string_view command;  // without "drover "
};

constexpr std::array<CommandOf, 32> kCommands = {{
    {Verb::container_run, "run"},
    {Verb::container_create, "create"},
    {Verb::container_start, "start"},
    {Verb::container_stop, "stop"},
    {Verb::container_restart, "restart"},
    {Verb::container_kill, "kill"},
    {Verb::container_pause, "pause"},
    {Verb::container_resume, "resume"},
    {Verb::container_exec, "exec"},
    {Verb::container_update, "update"},
    {Verb::container_upgrade, "upgrade"},
    {Verb::container_checkpoint, "checkpoint"},
    {Verb::container_restore, "restore"},
    {Verb::container_delete, "rm"},
    {Verb::image_pull, "image pull"},
    {Verb::image_remove, "image rm"},
    {Verb::volume_create, "volume create"},
    {Verb::volume_resize, "volume resize"},
    {Verb::volume_snapshot, "volume snapshot"},
    {Verb::volume_delete, "volume rm"},
    {Verb::network_ensure, "network ensure"},
    {Verb::network_remove, "network rm"},
    {Verb::node_drain, "drain"},
    {Verb::node_undrain, "undrain"},
    {Verb::node_collect, "leaks --collect"},
    {Verb::job_cancel, "cancel"},
    {Verb::container_snapshot, "snapshot create"},
    {Verb::container_rollback, "snapshot rollback"},
    {Verb::container_snapshot_delete, "snapshot rm"},
    {Verb::container_backup, "backup"},
    {Verb::container_migrate, "migrate"},
    {Verb::container_adopt, "adopt"},
}};

/// Fields that the node's texts name.
constexpr std::array<Word, 15> kFields = {{
    {"resources.memory_mib", "--memory"},
    {"resources.pids", "--pids"},
    {"resources.cpus", "--cpus"},
    {"resources.disk_mib", "--disk"},
    {"resources.swap_mib", "--swap"},
    {"resources.cpuset", "--cpuset"},
    {"resources.cpu_shares", "--cpu-shares"},
    {"mounts.bind", "--mount type=bind"},
    {"mounts.tmpfs", "--tmpfs"},
    {"rlimits", "--ulimit"},
    {"sysctls", "--sysctl"},
    {"no_new_privileges", "--new-privileges"},
    {"user_namespace", "--userns"},
    {"stop.signal", "--stop-signal"},
    {"size_mib", "--size"},
}};

/// By the pointer behind "/spec" or "/options".
constexpr std::array<Word, 53> kFlags = {{
    {"/runtime", "--runtime"},
    {"/image", "--image"},
    {"/rootfs", "--rootfs"},
    {"/command", "CMD"},
    {"/env", "--env"},
    {"/labels", "--label"},
    {"/cwd", "--workdir"},
    {"/user", "--user"},
    {"/stdin", "--interactive"},
    {"/terminal", "--tty"},
    {"/hostname", "--hostname"},
    {"/singleton", "--singleton"},
    {"/volumes", "--volume or --mount"},
    {"/mounts", "--mount or --tmpfs"},
    {"/secrets", "--secret"},
    {"/networks", "--network"},
    {"/rlimits", "--ulimit"},
    {"/sysctls", "--sysctl"},
    {"/devices", "--device"},
    {"/capabilities/add", "--cap-add"},
    {"/capabilities/drop", "--cap-drop"},
    {"/seccomp", "--seccomp"},
    {"/apparmor", "--apparmor"},
    {"/no_new_privileges", "--new-privileges"},
    {"/user_namespace", "--userns"},
    {"/dns", "--dns, --dns-search or --dns-option"},
    {"/dns/servers", "--dns"},
    {"/dns/search", "--dns-search"},
    {"/dns/options", "--dns-option"},
    {"/hosts", "--add-host"},
    {"/probes", "--probe-http, --probe-tcp or --probe-exec"},
    {"/resources", "--memory, --swap, --cpus, --cpuset, --cpu-shares, --pids or --disk"},
    {"/resources/memory_mib", "--memory (in MiB)"},
    {"/resources/swap_mib", "--swap (in MiB)"},
    {"/resources/cpus", "--cpus"},
    {"/resources/cpuset", "--cpuset"},
    {"/resources/cpu_shares", "--cpu-shares"},
    {"/resources/pids", "--pids"},
    {"/resources/disk_mib", "--disk (in MiB)"},
    {"/stop/signal", "--stop-signal"},
    {"/stop/grace_s", "--grace"},
    {"/restart/policy", "--restart"},
    {"/restart/max_attempts", "--restart"},
    {"/restart/exempt_codes", "--restart-exempt"},
    {"/grace_s", "--grace"},
    {"/rollback", "--rollback"},
    {"/forget", "--forget"},
    {"/watch_s", "--watch"},
    {"/signal", "--signal"},
    {"/storage", "--storage"},
    {"/size_mib", "SIZE (in MiB)"},
    {"/snapshot", "SNAPSHOT"},
    {"/address", "--address"},
}};

/// By the whole pointer.
constexpr std::array<Word, 9> kArguments = {{
    {"/target", "NAME"},
    {"/id", "--id"},
    {"/deadline", "--deadline"},
    {"/priority", "--priority"},
    {"/attempts", "--attempts"},
    {"/needs/strategy", "--strategy"},
    {"/needs/labels", "--needs-label"},
    {"/needs/near/labels", "--near"},
    {"/needs/apart/labels", "--apart"},
}};

template <std::size_t N>
std::string_view find_word(const std::array<Word, N>& words, std::string_view wanted) {
  const auto found = std::find_if(words.begin(), words.end(),
                                  [&](const Word& word) { return word.first == wanted; });
  return found == words.end() ? std::string_view() : found->second;
}

bool is_part_of_word(char c) {
  return is_alphanumeric(c) || c == '_' || c == '-' || c == '.' || c == '/';
}

/// What stands for the word at the text's beginning or within it.
std::string replaced(std::string_view word, bool first) {
  if (const std::string_view flag = find_word(kFields, word); !flag.empty()) {
    return std::string(flag);
  }
  const std::optional<Verb> verb = verb_from(word);
  const auto found = std::find_if(kCommands.begin(), kCommands.end(), [&](const CommandOf& entry) {
    return verb && entry.verb == *verb;
  });
  if (found == kCommands.end()) {
    return std::string(word);
  }
  return first ? std::string(found->command) : fmt::format("`drover {}`", found->command);
}

/// "--volume or --mount number 2, target" of "/volumes/1/target"; "" for no element of an array.
std::string flag_of_element(std::string_view pointer) {
  const std::size_t slash = pointer.find('/', 1);
  const std::string_view flag = find_word(kFlags, pointer.substr(0, slash));
  if (slash == std::string_view::npos || flag.empty()) {
    return "";
  }
  const std::string_view rest = pointer.substr(slash + 1);
  std::size_t index = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  if (error != std::errc()) {
    return "";
  }
  const std::string_view field(stop, static_cast<std::size_t>(rest.data() + rest.size() - stop));
  return fmt::format("{} number {}{}{}", flag, index + 1, field.empty() ? "" : ", ",
                     field.substr(std::min<std::size_t>(1, field.size())));
}

}  // namespace

std::string in_own_words(std::string_view text) {
  std::string told;
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_part_of_word);
    std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(word.size());
    // A full stop or colon behind it belongs to the sentence.
    std::string_view behind;
    if (word.ends_with('.')) {
      behind = word.substr(word.size() - 1);
      word.remove_suffix(1);
    }
    told += replaced(word, told.empty());
    told += behind;
    if (!text.empty()) {
      told += text.front();
      text.remove_prefix(1);
    }
  }
  return told;
}

std::string flag_of(std::string_view pointer) {
  if (const std::string_view argument = find_word(kArguments, pointer); !argument.empty()) {
    return std::string(argument);
  }
  for (const std::string_view part : {"/spec", "/options"}) {
    if (!pointer.starts_with(part)) {
      continue;
    }
    const std::string_view inner = pointer.substr(part.size());
    if (const std::string_view flag = find_word(kFlags, inner); !flag.empty()) {
      return std::string(flag);
    }
    if (std::string flag = flag_of_element(inner); !flag.empty()) {
      return flag;
    }
  }
  return std::string(pointer);
}

Error in_own_words(Error error) {
  error.message = in_own_words(error.message);
  for (Fault& fault : error.faults) {
    fault.pointer = flag_of(fault.pointer);
    fault.message = in_own_words(fault.message);
  }
  return error;
}

}  // namespace drover::cli
