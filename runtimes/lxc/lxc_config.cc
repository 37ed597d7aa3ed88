#include "runtimes/lxc/lxc_config.h"

#include <algorithm>
#include <string_view>

#include "agent/core/process_limits.h"
#include "runtimes/lxc/lxc_limits.h"
#include "runtimes/lxc/system_init.h"

namespace drover::runtimes {
namespace {

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

char to_small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// A limit of getrlimit(2), of which the highest number is none.
std::string bound(const json::Value& limit) {
  const std::uint64_t* above = limit.unsigned_integer();
  const bool none = (above != nullptr && *above == ProcessLimit::kNone) || limit.integer_or(0) < 0;
  return none               ? "unlimited"
         : above != nullptr ? std::to_string(*above)
                            : std::to_string(limit.integer_or(0));
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
  const json::Array* const ambient = process.at("capabilities").at("ambient").array();
  if (ambient != nullptr && !ambient->empty()) {
    // liblxc bounds them only, and all go when root becomes another user.
    return fail(Code::refused,
                "lxc, capabilities: only root can hold those that are added; leave them out, or "
                "let its user be root");
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
      TRY(lines.add("lxc.prlimit." + name.substr(name.starts_with(kPrefix) ? kPrefix.size() : 0),
                    fmt::format("{}:{}", bound(limit.at("soft")), bound(limit.at("hard")))));
    }
  }
  // The agent's own score may be low, and its children would inherit it.
  TRY(lines.add("lxc.proc.oom_score_adj", std::to_string(process.at("oomScoreAdj").integer_or(0))));
  const bool* const none_new = process.at("noNewPrivileges").boolean();
  TRY(lines.add("lxc.no_new_privs", none_new == nullptr || *none_new ? "1" : "0"));
  // "generated" is liblxc's own. Without AppArmor in the kernel it passes over either.
  return lines.add("lxc.apparmor.profile", process.at("apparmorProfile").string_or("generated"));
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

Result<> add_mounts(Lines& lines, InitSystem init, const Path& monitor_program, const Path& home,
                    const Path& hook) {
  // What of /proc may not be seen or written is covered by drover-lxc, which writes the container's
  // own settings before (kernel_files.h).
  // An init makes groups of its own. By "force", because a program that may mount would be left to
  // mount them itself.
  TRY(lines.add("lxc.mount.auto", fmt::format("proc:rw sys:ro cgroup:{}:force",
                                              init == InitSystem::none ? "ro" : "rw")));
  TRY(lines.add("lxc.hook.version", "1"));
  TRY(lines.add("lxc.hook.mount", fmt::format("{} --prepare {}", word(monitor_program.native()),
                                              word(hook.native()))));
  return lines.add("lxc.hook.stop", fmt::format("{} --ended {}", word(monitor_program.native()),
                                                word(home.native())));
}

/// As the control group takes it: "b 8:0 r", "a *:* rwm".
std::string device_rule(const json::Value& rule) {
  const auto number = [&rule](const char* of) {
    const std::int64_t value = rule.at(of).integer_or(-1);
    return value < 0 ? std::string("*") : std::to_string(value);
  };
  return fmt::format("{} {}:{} {}", rule.at("type").string_or("a"), number("major"),
                     number("minor"), rule.at("access").string_or("rwm"));
}

/// Rates of disks bound a v1 group alone, not those below it (blk-throttle of the kernel): an init,
/// which is in one below, would read and write as it likes.
Result<> check_rates(const json::Value& resources, InitSystem init, bool unified) {
  if (unified || init == InitSystem::none) {
    return {};
  }
  for (const char* rates : {"throttleReadBpsDevice", "throttleWriteBpsDevice",
                            "throttleReadIOPSDevice", "throttleWriteIOPSDevice"}) {
    const json::Array* devices = resources.at("blockIO").at(rates).array();
    if (devices != nullptr && !devices->empty()) {
      return fail(Code::refused,
                  "lxc, resources.io.devices: control groups of version 1, which the node has, do "
                  "not bound what a container with an init reads and writes; leave it out");
    }
  }
  return {};
}

Result<> add_limits(Lines& lines, const Spec& spec, InitSystem init) {
  const bool unified = has_unified_cgroups();
  const std::string key = unified ? "lxc.cgroup2." : "lxc.cgroup.";
  const json::Value& resources = spec.document().at("linux").at("resources");
  TRY(check_rates(resources, init, unified));
  for (const auto& [name, value] : limits_at_start(resources, unified)) {
    TRY(lines.add(key + name, value));
  }
  TRY(lines.add(key + "devices.deny", "a"));
  // mknod of any, use of null, zero, full, random, urandom, tty, console, ptmx and pseudo
  // terminals.
  for (const char* device :
       {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",
        "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"}) {
    TRY(lines.add(key + "devices.allow", device));
  }
  const json::Array* rules = resources.at("devices").array();
  for (const json::Value& rule : rules == nullptr ? json::Array() : *rules) {
    const std::string device = device_rule(rule);
    const bool allowed = rule.at("allow").boolean_or(false);
    // All of them are denied above, before those that each container has.
    if (allowed || !device.starts_with("a ")) {
      TRY(lines.add(key + (allowed ? "devices.allow" : "devices.deny"), device));
    }
  }
  return {};
}

}  // namespace

Path hook_folder(const Container& container, const Path& home) {
  return container.users == 0 ? home : container.rootfs.parent_path() / "hook";
}

Path seccomp_file(const Path& home) {
  return home / "seccomp";
}

Path lack_of_memory_note(const Path& home) {
  return home / "oom";
}

std::string lxc_cgroup(const ContainerName& name) {
  return std::string(kLxcCgroups) + name.str();
}

Result<std::string> make_lxc_config(const Container& container, const Spec& spec,
                                    const Path& monitor_program, const Path& home) {
  Lines lines;
  TRY(lines.add("lxc.uts.name", spec.hostname()));
  TRY(lines.add("lxc.rootfs.path", "dir:" + container.rootfs.native()));
  const InitSystem init = init_system_of(container.rootfs, spec.args());
  TRY(lines.add("lxc.cgroup.dir.container", lxc_cgroup(container.name)));
  if (init != InitSystem::none) {
    // It may write in its group, so that its limits are those of the group above.
    TRY(lines.add("lxc.cgroup.dir.container.inner", "init"));
  }
  TRY(lines.add("lxc.cgroup.dir.monitor", lxc_cgroup(container.name) + ".monitor"));
  TRY(lines.add("lxc.namespace.share.net", container.netns.native()));
  if (container.users != 0) {
    for (const char* kind : {"u", "g"}) {
      TRY(lines.add("lxc.idmap", fmt::format("{} 0 {} {}", kind, container.users, kUsersOfOne)));
    }
    // The one that its network belongs to.
    TRY(lines.add("lxc.namespace.share.user", container.user_namespace.native()));
  }
  TRY(lines.add("lxc.autodev", "1"));
  TRY(lines.add("lxc.pty.max", "1024"));
  TRY(lines.add("lxc.tty.max", "0"));
  const bool terminal = spec.document().at("process").at("terminal").boolean_or(false);
  if (init == InitSystem::none && !terminal) {
    TRY(lines.add("lxc.console.path", "none"));
  } else {
    // It and the login at its console take a terminal, and so do applications that ask for one;
    // what they print goes where an application's standard output does, which drover-lxc has as its
    // own there.
    TRY(lines.add("lxc.console.logfile", "/proc/self/fd/1"));
  }
  if (spec.document().at("linux").find("seccomp") != nullptr) {
    TRY(lines.add("lxc.seccomp.profile", seccomp_file(home).native()));
    // Else liblxc passes over it in silence where the agent itself is filtered (use_seccomp in
    // seccomp.c).
    TRY(lines.add("lxc.seccomp.allow_nesting", "1"));
  }
  TRY(add_process(lines, spec));
  TRY(add_mounts(lines, init, monitor_program, home, hook_folder(container, home)));
  TRY(add_limits(lines, spec, init));
  return lines.take();
}

}  // namespace drover::runtimes
