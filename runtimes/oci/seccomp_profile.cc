#include "runtimes/oci/seccomp_profile.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/core/fields.h"

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostProfileBytes = std::size_t{1} << 20;
constexpr std::size_t kMostRules = 4096;
constexpr std::size_t kMostMachines = 64;
constexpr std::size_t kMostArguments = 6;  // as many as a call has
constexpr std::int64_t kMostErrno = 4095;  // MAX_ERRNO of the kernel

/// Left out: libseccomp takes 40 ms of a container's start for each architecture, and the kernels
/// of Debian and Proxmox run no program of this one unless they are booted with syscall.x32=y. Such
/// a program is ended then.
constexpr std::string_view kX32 = "SCMP_ARCH_X32";

struct Machine {
  std::string_view name;          ///< of uname(2)
  std::string_view architecture;  ///< of libseccomp
  std::string_view word;          ///< of the conditions
};

/// What Debian runs on and libseccomp knows (seccomp_arch_add(3)).
constexpr std::array kMachines = {
    Machine{"x86_64", "SCMP_ARCH_X86_64", "amd64"},
    Machine{"aarch64", "SCMP_ARCH_AARCH64", "arm64"},
    Machine{"i686", "SCMP_ARCH_X86", "x86"},
    Machine{"armv7l", "SCMP_ARCH_ARM", "arm"},
    Machine{"ppc64le", "SCMP_ARCH_PPC64LE", "ppc64le"},
    Machine{"s390x", "SCMP_ARCH_S390X", "s390x"},
    Machine{"riscv64", "SCMP_ARCH_RISCV64", "riscv64"},
    Machine{"loongarch64", "SCMP_ARCH_LOONGARCH64", "loong64"},
};

const Machine* find_machine(std::string_view name) {
  const auto* const found = std::find_if(kMachines.begin(), kMachines.end(),
                                         [&](const Machine& one) { return one.name == name; });
  return found == kMachines.end() ? nullptr : found;
}

bool has_name(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The number of "EPERM"; nothing when no error is called so.
std::optional<std::int64_t> errno_called(std::string_view name) {
  constexpr int kMostNamed = 200;
  for (int number = 1; number < kMostNamed; ++number) {
    const char* const known = strerrorname_np(number);
    if (known != nullptr && name == known) {
      return number;
    }
  }
  return std::nullopt;
}

/// "errnoRet", or the same as a name in `by_name`. Nothing where neither is there.
std::optional<std::int64_t> read_errno(Fields& fields, std::string_view number,
                                       std::string_view by_name) {
  const bool has_number = fields.has(number);
  const std::int64_t given = fields.integer(number, 0, 0, kMostErrno);
  const std::string name = fields.string(by_name);
  if (name.empty()) {
    return has_number ? std::optional(given) : std::nullopt;
  }
  const std::optional<std::int64_t> named = errno_called(name);
  if (!named) {
    fields.fault(by_name, fmt::format("no error of the kernel is called \"{}\"", name));
  } else if (has_number && *named != given) {
    fields.fault(by_name, fmt::format("is not {}'s {}", number, given));
  }
  return named;
}

/// "includes" or "excludes" of a rule.
struct Condition {
  std::vector<std::string> capabilities;
  std::vector<std::string> machines;
  std::optional<std::pair<unsigned, unsigned>> kernel;  ///< this one and later
};

std::optional<std::pair<unsigned, unsigned>> read_kernel(std::string_view text) {
  unsigned major = 0;
  unsigned minor = 0;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, major);
  if (error != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, minor).ec != std::errc()) {
    return std::nullopt;
  }
  return std::pair{major, minor};
}

Condition read_condition(Fields& rule, std::string_view key, Faults& faults) {
  Condition condition;
  const json::Value* value = rule.any(key);
  if (value == nullptr || value->is_null()) {
    return condition;
  }
  Fields fields(*value, json::pointer_join(rule.pointer(), key), faults);
  condition.capabilities = fields.strings("caps");
  condition.machines = fields.strings("arches");
  if (const std::string kernel = fields.string("minKernel"); !kernel.empty()) {
    condition.kernel = read_kernel(kernel);
    if (!condition.kernel) {
      fields.fault("minKernel", "must be a version as \"4.8\"");
    }
  }
  fields.finish();
  return condition;
}

bool is_kernel(const SeccompFacts& facts, const std::pair<unsigned, unsigned>& least) {
  return std::pair{facts.kernel_major, facts.kernel_minor} >= least;
}

bool applies(const Condition& includes, const Condition& excludes, const SeccompFacts& facts,
             std::string_view machine) {
  const auto has = [&](const std::string& name) { return has_name(facts.capabilities, name); };
  if (has_name(excludes.machines, machine) ||
      std::any_of(excludes.capabilities.begin(), excludes.capabilities.end(), has) ||
      (excludes.kernel && is_kernel(facts, *excludes.kernel))) {
    return false;
  }
  return (includes.machines.empty() || has_name(includes.machines, machine)) &&
         std::all_of(includes.capabilities.begin(), includes.capabilities.end(), has) &&
         (!includes.kernel || is_kernel(facts, *includes.kernel));
}

/// A member that may be null, as Go writes an empty list; `fields.any` has marked it as known.
bool is_there(Fields& fields, std::string_view key) {
  const json::Value* value = fields.any(key);
  return value != nullptr && !value->is_null();
}

json::Array read_arguments(Fields& rule, Faults& faults) {
  json::Array arguments;
  if (!is_there(rule, "args")) {
    return arguments;
  }
  rule.each("args", kMostArguments, [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    fields.require("index");
    fields.integer("index", 0, 0, kMostArguments - 1);
    fields.require("op");
    if (!fields.string("op").starts_with("SCMP_CMP_")) {
      fields.fault("op", "must be a comparison, as \"SCMP_CMP_EQ\"");
    }
    json::Object argument{{"index", value.at("index")}, {"op", value.at("op")}};
    for (const std::string_view key : {"value", "valueTwo"}) {
      // The whole range of a register, which is more than Fields::integer reads.
      const json::Value* number = fields.any(key);
      const bool whole =
          number != nullptr && (number->unsigned_integer() != nullptr ||
                                (number->integer() != nullptr && *number->integer() >= 0));
      if (number != nullptr && !whole) {
        fields.fault(key, "must be a whole number, not negative");
      }
      argument.set(key, whole ? *number : json::Value(0));
    }
    fields.finish();
    arguments.emplace_back(std::move(argument));
  });
  return arguments;
}

/// Adds the rule where its conditions hold.
void read_rule(const json::Value& value, std::string pointer, const SeccompFacts& facts,
               std::string_view machine, json::Array& rules, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  std::vector<std::string> names =
      is_there(fields, "names") ? fields.strings("names") : std::vector<std::string>();
  if (const std::string name = fields.string("name"); !name.empty()) {
    names.push_back(name);
  }
  if (names.empty()) {
    fields.fault("names", "must name a system call");
  }
  fields.require("action");
  const std::string action = fields.string("action");
  if (!action.starts_with("SCMP_ACT_")) {
    fields.fault("action", "must be an action, as \"SCMP_ACT_ALLOW\"");
  }
  fields.any("comment");
  json::Array arguments = read_arguments(fields, faults);
  const std::optional<std::int64_t> error = read_errno(fields, "errnoRet", "errno");
  const Condition includes = read_condition(fields, "includes", faults);
  const Condition excludes = read_condition(fields, "excludes", faults);
  fields.finish();
  if (!applies(includes, excludes, facts, machine)) {
    return;
  }
  json::Object rule{{"names", json::Array(names.begin(), names.end())}, {"action", action}};
  if (error) {
    rule.set("errnoRet", *error);
  }
  if (!arguments.empty()) {
    rule.set("args", std::move(arguments));
  }
  rules.emplace_back(std::move(rule));
}

/// The machine's own architecture, and those whose programs it runs as well.
json::Array read_architectures(Fields& profile, const Machine& machine, Faults& faults) {
  json::Array architectures;
  profile.each("archMap", kMostMachines, [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    fields.require("architecture");
    const std::string own = fields.string("architecture");
    const std::vector<std::string> others = is_there(fields, "subArchitectures")
                                                ? fields.strings("subArchitectures")
                                                : std::vector<std::string>();
    fields.finish();
    if (own == machine.architecture) {
      architectures = {own};
      for (const std::string& other : others) {
        if (other != kX32) {
          architectures.emplace_back(other);
        }
      }
    }
  });
  if (architectures.empty()) {
    architectures = {machine.architecture};
  }
  return architectures;
}

/// Whether any rule has a condition, which the OCI specification has none of.
bool has_conditions(const json::Value& document) {
  const json::Array* rules = document.at("syscalls").array();
  return document.find("archMap") != nullptr ||
         (rules != nullptr && std::any_of(rules->begin(), rules->end(), [](const json::Value& one) {
            return one.find("includes") != nullptr || one.find("excludes") != nullptr;
          }));
}

Failure missing_profile(const system::Path& profile) {
  if (profile == kDefaultSeccompProfile) {
    return fail(
        Code::unavailable,
        "seccomp: the profile {} is not there, without which no container of runc, "
        "crun and lxc is made; apt install {}, or name another by runtime.seccomp_profile of the "
        "node's configuration",
        profile.native(), kSeccompPackage);
  }
  return fail(Code::not_found, "seccomp: the profile {} is not there", profile.native());
}

}  // namespace

SeccompFacts seccomp_facts(std::vector<std::string> capabilities) {
  SeccompFacts facts;
  facts.capabilities = std::move(capabilities);
  utsname names{};
  if (uname(&names) == 0) {
    facts.machine = &names.machine[0];
    const auto version = read_kernel(&names.release[0]);
    std::tie(facts.kernel_major, facts.kernel_minor) = version.value_or(std::pair{0U, 0U});
  }
  return facts;
}

Result<json::Value> read_seccomp_profile(std::string_view text, const SeccompFacts& facts) {
  json::ParseOptions options;
  options.max_bytes = kMostProfileBytes;
  json::Value document = TRY(json::parse(text, options));
  Faults faults(text);
  Fields profile(document, "", faults);
  profile.require("defaultAction");
  const std::string action = profile.string("defaultAction");
  if (profile.has("defaultAction") && !action.starts_with("SCMP_ACT_")) {
    profile.fault("defaultAction", "must be an action, as \"SCMP_ACT_ERRNO\"");
  }
  if (!has_conditions(document)) {
    TRY(faults.result("the seccomp profile is not valid"));
    return document;
  }
  const Machine* machine = find_machine(facts.machine);
  if (machine == nullptr) {
    return fail(Code::invalid,
                "the seccomp profile has rules by architectures, and none is known of a machine "
                "{}; name a profile in the form of linux.seccomp of the OCI specification",
                facts.machine);
  }
  json::Object filter{{"defaultAction", action}};
  if (const auto error = read_errno(profile, "defaultErrnoRet", "defaultErrno")) {
    filter.set("defaultErrnoRet", *error);
  }
  filter.set("architectures", read_architectures(profile, *machine, faults));
  json::Array rules;
  profile.each("syscalls", kMostRules, [&](const json::Value& value, std::string at) {
    read_rule(value, std::move(at), facts, machine->word, rules, faults);
  });
  filter.set("syscalls", std::move(rules));
  profile.finish();
  TRY(faults.result("the seccomp profile is not valid"));
  return json::Value(std::move(filter));
}

Result<> check_seccomp_profile(const system::Path& profile) {
  if (access(profile.c_str(), R_OK) != 0) {
    return missing_profile(profile);
  }
  return {};
}

Result<json::Value> load_seccomp_profile(const system::Path& profile, const SeccompFacts& facts) {
  const Result<std::string> text = system::read_file(profile, kMostProfileBytes);
  if (!text) {
    return text.error().code == Code::not_found
               ? missing_profile(profile)
               : Failure(Error(text.error()).context("seccomp profile"));
  }
  struct Read {
    std::string text;
    SeccompFacts facts;
    json::Value filter;
  };
  static std::mutex mutex;
  static Read last;  // guarded by mutex
  {
    const std::lock_guard lock(mutex);
    if (!last.text.empty() && last.text == *text && last.facts == facts) {
      return last.filter;
    }
  }
  json::Value filter = TRY(read_seccomp_profile(*text, facts)
                               .context(fmt::format("seccomp profile {}", profile.native())));
  const std::lock_guard lock(mutex);
  last = {*text, facts, filter};
  return filter;
}

}  // namespace drover::runtimes
