#include "runtimes/lxc/lxc_config.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

/// Denies what reaches around the container: kexec, modules, open_by_handle_at (from the package
/// lxc).
const Path kSeccompProfile = "/usr/share/lxc/config/common.seccomp";

class Lines {
 public:
  Result<> add(std::string_view key, std::string_view value) {
    if (value.find_first_of("\n\r") != std::string_view::npos ||
        value.find('\0') != std::string_view::npos) {
      return fail(Code::refused, "LXC cannot be told {} with a line break in it: {}", key,
                  value.substr(0, 100));
    }
    text_ += fmt::format("{} = {}\n", key, value);
    return {};
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

bool has_unified_cgroups() {
  std::error_code error;
  return std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers", error);
}

char to_small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

Result<> add_process(Lines& lines, const Spec& spec) {
  TRY(lines.add("lxc.init.cwd", spec.cwd()));
  const json::Value& process = spec.document().at("process");
  const json::Value& user = process.at("user");
  TRY(lines.add("lxc.init.uid", std::to_string(user.at("uid").integer_or(0))));
  TRY(lines.add("lxc.init.gid", std::to_string(user.at("gid").integer_or(0))));
  std::string groups;
  if (const json::Array* more = user.at("additionalGids").array()) {
    for (const json::Value& group : *more) {
      groups += (groups.empty() ? "" : ",") + std::to_string(group.integer_or(0));
    }
  }
  if (!groups.empty()) {
    TRY(lines.add("lxc.init.groups", groups));
  }
  std::string kept;
  if (const json::Array* bounding = process.at("capabilities").at("bounding").array()) {
    for (const json::Value& capability : *bounding) {
      std::string name(capability.string_or(""));
      std::transform(name.begin(), name.end(), name.begin(), to_small);
      kept += (kept.empty() ? "" : " ") + name.substr(name.starts_with("cap_") ? 4 : 0);
    }
  }
  TRY(lines.add("lxc.cap.keep", kept.empty() ? "none" : kept));
  if (const json::Array* limits = process.at("rlimits").array()) {
    for (const json::Value& limit : *limits) {
      std::string name(limit.at("type").string_or(""));
      std::transform(name.begin(), name.end(), name.begin(), to_small);
      constexpr std::string_view kPrefix = "rlimit_";
      TRY(lines.add(
          "lxc.prlimit." + name.substr(name.starts_with(kPrefix) ? kPrefix.size() : 0),
          fmt::format("{}:{}", limit.at("soft").integer_or(0), limit.at("hard").integer_or(0))));
    }
  }
  // The agent's own score may be low, and its children would inherit it.
  TRY(lines.add("lxc.proc.oom_score_adj", std::to_string(process.at("oomScoreAdj").integer_or(0))));
  return lines.add("lxc.no_new_privs", "1");
}

/// A word of the command line that liblxc hands to a shell.
std::string word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  std::string quoted;
  for (const char c : text) {
    if (kPlain.find(c) == std::string_view::npos) {
      quoted.push_back('\\');
    }
    quoted.push_back(c);
  }
  return quoted;
}

Result<> add_mounts(Lines& lines, const Path& monitor_program, const Path& home) {
  TRY(lines.add("lxc.mount.auto", "proc:mixed sys:ro cgroup:ro"));
  for (const char* hidden : {"proc/kcore", "proc/keys", "proc/timer_list", "proc/sched_debug"}) {
    TRY(lines.add("lxc.mount.entry", fmt::format("/dev/null {} none bind,optional 0 0", hidden)));
  }
  TRY(lines.add("lxc.mount.entry", "tmpfs sys/firmware tmpfs ro,nosuid,nodev,noexec,optional 0 0"));
  TRY(lines.add("lxc.mount.entry",
                "tmpfs dev/shm tmpfs nosuid,nodev,noexec,size=64m,create=dir,optional 0 0"));
  // Volumes are ours to mount (prepare_root.h). "create=dir" above is made on liblxc's own /dev.
  TRY(lines.add("lxc.hook.version", "1"));
  TRY(lines.add("lxc.hook.mount", fmt::format("{} --prepare {}", word(monitor_program.native()),
                                              word(home.native()))));
  return lines.add("lxc.hook.stop", fmt::format("{} --ended {}", word(monitor_program.native()),
                                                word(home.native())));
}

Result<> add_limits(Lines& lines, const Spec& spec) {
  const bool unified = has_unified_cgroups();
  const std::string key = unified ? "lxc.cgroup2." : "lxc.cgroup.";
  const json::Value& resources = spec.document().at("linux").at("resources");
  if (const std::int64_t memory = resources.at("memory").at("limit").integer_or(0); memory > 0) {
    TRY(lines.add(key + (unified ? "memory.max" : "memory.limit_in_bytes"),
                  std::to_string(memory)));
    if (can_limit_swap()) {
      TRY(lines.add(key + (unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes"),
                    unified ? "0" : std::to_string(memory)));
    }
  }
  if (const std::int64_t pids = resources.at("pids").at("limit").integer_or(0); pids > 0) {
    TRY(lines.add(key + "pids.max", std::to_string(pids)));
  }
  const std::int64_t quota = resources.at("cpu").at("quota").integer_or(0);
  const std::int64_t period = resources.at("cpu").at("period").integer_or(100'000);
  if (quota > 0) {
    if (unified) {
      TRY(lines.add(key + "cpu.max", fmt::format("{} {}", quota, period)));
    } else {
      TRY(lines.add(key + "cpu.cfs_period_us", std::to_string(period)));
      TRY(lines.add(key + "cpu.cfs_quota_us", std::to_string(quota)));
    }
  }
  TRY(lines.add(key + "devices.deny", "a"));
  // mknod of any, use of null, zero, full, random, urandom, tty, console, ptmx and pseudo
  // terminals.
  for (const char* device :
       {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
        "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"}) {
    TRY(lines.add(key + "devices.allow", device));
  }
  return {};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> lxc_limits(const Resources& whole) {
  const bool unified = has_unified_cgroups();
  const json::Value limits(limits_of(whole));
  const auto number = [&limits](const char* of, const char* what, const char* none) {
    const std::int64_t value = limits.at(of).at(what).integer_or(0);
    return value > 0 ? std::to_string(value) : std::string(none);
  };
  const std::string pids = number("pids", "limit", "max");
  const std::string period = number("cpu", "period", "100000");
  const bool swap = can_limit_swap();
  std::vector<std::pair<std::string, std::string>> all;
  if (unified) {
    all = {{"memory.max", number("memory", "limit", "max")},
           {"pids.max", pids},
           {"cpu.max", number("cpu", "quota", "max") + " " + period}};
    if (swap) {
      // Of swap alone, where the document has memory and swap together: none of it.
      all.emplace_back("memory.swap.max", whole.memory_mib != 0 ? "0" : "max");
    }
    return all;
  }
  if (swap) {
    // The one may never be above the other, whichever way both go.
    all.emplace_back("memory.memsw.limit_in_bytes", "-1");
  }
  all.emplace_back("memory.limit_in_bytes", number("memory", "limit", "-1"));
  if (swap) {
    all.emplace_back("memory.memsw.limit_in_bytes", number("memory", "swap", "-1"));
  }
  all.emplace_back("pids.max", pids);
  all.emplace_back("cpu.cfs_period_us", period);
  all.emplace_back("cpu.cfs_quota_us", number("cpu", "quota", "-1"));
  return all;
}

Path lack_of_memory_note(const Path& home) {
  return home / "oom";
}

std::string lxc_cgroup(const ContainerName& name) {
  return "drover-lxc." + name.str();
}

Result<std::string> make_lxc_config(const Container& container, const Spec& spec,
                                    const Path& monitor_program, const Path& home) {
  Lines lines;
  TRY(lines.add("lxc.uts.name", spec.hostname()));
  TRY(lines.add("lxc.rootfs.path", "dir:" + container.rootfs.native()));
  TRY(lines.add("lxc.cgroup.dir.container", lxc_cgroup(container.name)));
  TRY(lines.add("lxc.cgroup.dir.monitor", lxc_cgroup(container.name) + ".monitor"));
  TRY(lines.add("lxc.namespace.share.net", container.netns.native()));
  TRY(lines.add("lxc.autodev", "1"));
  TRY(lines.add("lxc.pty.max", "1024"));
  TRY(lines.add("lxc.tty.max", "0"));
  TRY(lines.add("lxc.console.path", "none"));
  // Without AppArmor in the kernel liblxc passes over it.
  TRY(lines.add("lxc.apparmor.profile", "generated"));
  std::error_code error;
  if (std::filesystem::exists(kSeccompProfile, error)) {
    TRY(lines.add("lxc.seccomp.profile", kSeccompProfile.native()));
  }
  TRY(add_process(lines, spec));
  TRY(add_mounts(lines, monitor_program, home));
  TRY(add_limits(lines, spec));
  return lines.take();
}

}  // namespace drover::runtimes
