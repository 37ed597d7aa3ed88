#include "agent/cli/keys_allow.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/cli/exit_code.h"
#include "agent/cli/keys_edit.h"
#include "agent/cli/spec_options.h"
#include "agent/core/allow_list.h"

namespace drover::cli {
namespace {

struct AllowOptions : KeysOptions {
  std::string name;
  std::string key;
  std::vector<std::string> roles;
  KeyLimits limits;
  std::vector<std::string> names;
  std::vector<std::string> labels;
  bool replace = false;
};

/// Members of the list by the options that they come from.
constexpr std::array kMembers{
    std::pair("/keys/0/limits/jobs_per_second", "--jobs-per-second"),
    std::pair("/keys/0/limits/queued", "--queued"),
    std::pair("/keys/0/limits/message_kib", "--message-kib"),
    std::pair("/keys/0/names", "--names"),
    std::pair("/keys/0/labels", "--label"),
};

/// As the list would read it, each fault by its option.
Result<AllowedKey> key_of(const AllowOptions& options) {
  KeyName name = TRY(KeyName::parse(options.name).context("NAME"));
  PublicKey public_key = TRY(PublicKey::parse(options.key).context("KEY"));
  AllowedKey key{std::move(name), std::move(public_key), {}, options.limits, options.names, {}};
  for (const std::string& text : options.roles) {
    const std::optional<KeyRole> role = key_role_from(text);
    if (!role) {
      return fail(Code::invalid, "--role: \"{}\" is none of {}", text, all_key_roles());
    }
    key.roles.insert(*role);
  }
  key.labels = TRY(read_pairs("--label", options.labels));
  AllowList alone;
  TRY(alone.add(key));
  if (const Result<AllowList> read = AllowList::read(alone.to_json()); !read) {
    Error error = read.error();
    error.message = "the key is not accepted";
    for (Fault& fault : error.faults) {
      for (const auto& [member, option] : kMembers) {
        fault.pointer = fault.pointer.starts_with(member) ? option : fault.pointer;
      }
    }
    return Failure(std::move(error));
  }
  return key;
}

Result<int> allow_key(const AllowOptions& options) {
  Result<AllowedKey> key = key_of(options);
  if (!key) {
    return wrong_usage(key.error());
  }
  const system::Path folder = TRY(keys_folder_of(options));
  TRY(edit_allow_list(folder, [&](AllowList& list) -> Result<> {
    if (options.replace && list.find(options.name) != nullptr) {
      TRY(list.remove(options.name));
    }
    return list.add(*key);
  }));
  fmt::print("{}\n", options.name);
  return kDone;
}

}  // namespace

CLI::App* add_keys_allow(CLI::App& keys, Action& action) {
  const auto options = std::make_shared<AllowOptions>();
  CLI::App* command = keys.add_subcommand("allow", "Let a key in, with what it may do");
  command->add_option("NAME", options->name, "Who it is, in the journal and in events")->required();
  command
      ->add_option("KEY", options->key,
                   "Its public key, as `drover keys show` prints it; in single quotes")
      ->required();
  const auto many = [&](const char* name, std::vector<std::string>& values, const char* type,
                        const char* text) {
    return command->add_option(name, values, text)->type_name(type)->allow_extra_args(false);
  };
  many("--role", options->roles, "ROLE",
       "observe, submit, admin, dispatch or agent; may be repeated")
      ->required();
  many("--names", options->names, "PATTERN",
       "Names of things that it may have to do with (default: any); may be repeated");
  many("--label", options->labels, "NAME=PATTERN",
       "A label that a container must have (default: any container); may be repeated");
  command
      ->add_option("--jobs-per-second", options->limits.jobs_per_second,
                   "Jobs that it may send in a second (default: no bound)")
      ->type_name("N");
  command
      ->add_option("--queued", options->limits.queued,
                   "Jobs of it that may wait (default: no bound but the node's)")
      ->type_name("N");
  command
      ->add_option("--message-kib", options->limits.message_kib,
                   "KiB that a message of it may have (default: no bound but the node's)")
      ->type_name("N");
  command->add_flag("--replace", options->replace, "Also where there is one of that name");
  command->add_option("--config", options->config,
                      "droverd's configuration (default: " + options->config + ")");
  command->callback([&action, options] {
    action = [options](Session&) { return ended_by_keys(allow_key(*options)); };
  });
  return command;
}

}  // namespace drover::cli
