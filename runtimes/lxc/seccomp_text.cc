#include "runtimes/lxc/seccomp_text.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/ascii.h"
#include "runtimes/oci/capability_set.h"
#include "runtimes/oci/seccomp_profile.h"

namespace drover::runtimes {
namespace {

/// One call each on 32-bit x86 (socketcall(2), ipc(2)), for which libseccomp takes no exact rule by
/// arguments; and LXC adds none that is not exact.
constexpr std::array kSharedCalls = std::to_array<std::string_view>(
    {"socket",      "bind",    "connect",    "listen",     "accept",     "accept4", "getsockname",
     "getpeername", "send",    "recv",       "socketpair", "sendto",     "sendmsg", "sendmmsg",
     "recvfrom",    "recvmsg", "recvmmsg",   "shutdown",   "setsockopt", "semop",   "getsockopt",
     "semget",      "semctl",  "semtimedop", "msgsnd",     "msgrcv",     "msgget",  "msgctl",
     "shmat",       "shmdt",   "shmget",     "shmctl"});

constexpr std::int64_t kUsualErrno = 1;  // EPERM, of a profile that names none
constexpr std::int64_t kNetlinkFamily = 16;
constexpr std::int64_t kAuditProtocol = 9;

Failure cannot_filter(const std::string& what) {
  return fail(Code::refused, "lxc, seccomp: LXC cannot {}; name another profile", what);
}

/// "errno 1".
Result<std::string> action_of(std::string_view action, const json::Value& error) {
  if (action == "SCMP_ACT_ALLOW") {
    return std::string("allow");
  }
  if (action == "SCMP_ACT_ERRNO") {
    return fmt::format("errno {}", error.integer_or(kUsualErrno));
  }
  if (action == "SCMP_ACT_TRAP") {
    return std::string("trap");
  }
  if (action == "SCMP_ACT_KILL" || action == "SCMP_ACT_KILL_THREAD") {
    return std::string("kill");
  }
  return cannot_filter(fmt::format("do {}", action.substr(0, 64)));
}

/// What could be read as anything else in a line of LXC's.
bool is_call_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && !name.starts_with("reject_force_umount") &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_'; });
}

std::string number_text(const json::Value& number) {
  return number.unsigned_integer() != nullptr ? std::to_string(*number.unsigned_integer())
                                              : std::to_string(number.integer_or(0));
}

/// "[0,8,SCMP_CMP_EQ]".
Result<std::string> condition_of(const json::Value& argument) {
  static const std::set<std::string_view> known = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
                                                   "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT"};
  const std::string_view op = argument.at("op").string_or("");
  const std::int64_t index = argument.at("index").integer_or(-1);
  if (index < 0 || index > 5) {
    return cannot_filter(fmt::format("tell a call by its argument {}", index));
  }
  if (op == "SCMP_CMP_MASKED_EQ") {
    return fmt::format("[{},{},{},{}]", index, number_text(argument.at("valueTwo")), op,
                       number_text(argument.at("value")));
  }
  if (!known.contains(op)) {
    return cannot_filter(fmt::format("compare by {}", op.substr(0, 64)));
  }
  return fmt::format("[{},{},{}]", index, number_text(argument.at("value")), op);
}

bool guards_audit(const json::Array& arguments) {
  return std::all_of(arguments.begin(), arguments.end(), [](const json::Value& one) {
    const std::int64_t index = one.at("index").integer_or(-1);
    const std::int64_t value = one.at("value").integer_or(-1);
    return (index == 0 && value == kNetlinkFamily) || (index == 2 && value == kAuditProtocol);
  });
}

/// The conditions behind a rule's action, each of a rule of its own: conditions of one argument are
/// alternatives, as runc has them (matchCall in libcontainer/seccomp).
Result<std::vector<std::string>> conditions_of(const json::Array& arguments) {
  std::set<std::int64_t> indices;
  std::vector<std::string> each;
  std::string together;
  for (const json::Value& argument : arguments) {
    each.push_back(TRY(condition_of(argument)));
    together += each.back();
    indices.insert(argument.at("index").integer_or(-1));
  }
  return indices.size() == each.size() ? std::vector<std::string>{together} : each;
}

class RuleLines {
 public:
  explicit RuleLines(std::string otherwise) : otherwise_(std::move(otherwise)) {}

  Result<> add(const json::Value& rule) {
    const std::string action = TRY(action_of(rule.at("action").string_or(""), rule.at("errnoRet")));
    // libseccomp takes no rule that says what is done in any case.
    if (action == otherwise_) {
      return {};
    }
    const json::Array* const arguments = rule.at("args").array();
    const bool always = arguments == nullptr || arguments->empty();
    const std::vector<std::string> conditions =
        always ? std::vector<std::string>{""} : TRY(conditions_of(*arguments));
    const json::Array* const names = rule.at("names").array();
    for (const json::Value& value : names != nullptr ? *names : json::Array()) {
      const std::string name(value.string_or(""));
      if (!is_call_name(name)) {
        return cannot_filter(fmt::format("filter a call \"{}\"", name.substr(0, 64)));
      }
      const bool shared =
          std::find(kSharedCalls.begin(), kSharedCalls.end(), name) != kSharedCalls.end();
      if (!always && shared && name == "socket" && guards_audit(*arguments)) {
        audit_guarded_ = true;
        continue;
      }
      if (!always && shared) {
        return cannot_filter(fmt::format("tell calls of {} by their arguments", name));
      }
      for (const std::string& condition : conditions) {
        text_ += fmt::format("{} {}{}{}\n", name, action, condition.empty() ? "" : " ", condition);
      }
    }
    return {};
  }
  std::string take() {
    return std::move(text_) + (audit_guarded_ && otherwise_ != "allow" ? "socket allow\n" : "");
  }

 private:
  std::string otherwise_;  // what is done to a call without a rule
  std::string text_;
  bool audit_guarded_ = false;
};

}  // namespace

Result<std::string> lxc_seccomp_text(const json::Value& filter) {
  for (const std::string_view member : {"flags", "listenerPath", "listenerMetadata"}) {
    const json::Value* value = filter.find(member);
    if (value != nullptr && (value->array() == nullptr || !value->array()->empty()) &&
        !value->is_null()) {
      return cannot_filter(fmt::format("be told {}", member));
    }
  }
  const std::string otherwise =
      TRY(action_of(filter.at("defaultAction").string_or(""), filter.at("defaultErrnoRet")));
  RuleLines lines(otherwise);
  const json::Array* const rules = filter.at("syscalls").array();
  for (const json::Value& rule : rules != nullptr ? *rules : json::Array()) {
    TRY(lines.add(rule));
  }
  return fmt::format("2\nallowlist {}\n[all]\n{}", otherwise, lines.take());
}

Result<> add_missing_filter(Spec& spec, const ContainerSpec& wish, const BundleOptions& options) {
  const Path profile = seccomp_profile_of(wish, options);
  if (profile.empty() || spec.document().at("linux").find("seccomp") != nullptr) {
    return {};
  }
  spec.set({"linux", "seccomp"},
           TRY(load_seccomp_profile(profile, seccomp_facts(spec.bounding()))));
  return {};
}

Result<> check_lxc_filter(const ContainerSpec& spec, const BundleOptions& options) {
  const Path profile = seccomp_profile_of(spec, options);
  if (profile.empty()) {
    return {};
  }
  TRY(check_seccomp_profile(profile).context("lxc"));
  if (spec.security.seccomp.empty()) {
    return {};
  }
  const json::Value filter =
      TRY(load_seccomp_profile(profile, seccomp_facts(bounding_capabilities(spec.security))));
  TRY(lxc_seccomp_text(filter));
  return {};
}

}  // namespace drover::runtimes
