// drover keys: pairs of keys, and whom this node lets in over tcp. It edits files and asks no
// droverd, which sees the change by itself.
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <vector>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/keys_allow.h"
#include "agent/cli/keys_edit.h"
#include "agent/cli/text.h"
#include "agent/core/wipe.h"
#include "agent/system/key_files.h"
#include "messaging/curve/key_pairs.h"

namespace drover::cli {
namespace {

struct FileOptions {
  std::string file;
};

struct ListOptions : KeysOptions {
  std::vector<std::string> names;
  bool json = false;
};

struct RotateOptions : KeysOptions {
  bool finish = false;
  bool cancel = false;
};

Result<> expect_none(const system::Path& file) {
  struct stat found {};
  if (lstat(file.c_str(), &found) == 0) {
    return fail(Code::conflict,
                "{} is there already: a key that is lost cannot be made again, so "
                "remove it yourself or name another file",
                file.native());
  }
  return {};
}

/// Writes a new pair and returns its public key.
Result<PublicKey> make_key_file(const system::Path& file) {
  TRY(expect_none(file));
  KeyPair pair = TRY(messaging::new_key_pair());
  // Of no command line is such a key a word like others.
  while (pair.public_key.str().front() == '-') {
    pair = TRY(messaging::new_key_pair());
  }
  std::string text = pair.text();
  const Result<> written = system::write_atomically(file, text, 0600);
  wipe(text);
  TRY(written);
  return pair.public_key;
}

Result<int> new_keys(const FileOptions& options) {
  const system::Path file = std::filesystem::absolute(options.file);
  TRY(system::make_folders(file.parent_path(), 0700));
  const PublicKey made = TRY(make_key_file(file));
  fmt::print("{}\n", made.str());
  return kDone;
}

Result<int> show_key(const FileOptions& options) {
  const KeyPair pair = TRY(system::read_key_file(options.file));
  TRY(messaging::check_pair(pair).context(options.file));
  fmt::print("{}\n", pair.public_key.str());
  return kDone;
}

std::string limits_text(const AllowedKey& key) {
  std::vector<std::string> parts;
  if (key.limits.jobs_per_second != 0) {
    parts.push_back(fmt::format("{} jobs/s", key.limits.jobs_per_second));
  }
  if (key.limits.queued != 0) {
    parts.push_back(fmt::format("{} queued", key.limits.queued));
  }
  if (key.limits.message_kib != 0) {
    parts.push_back(fmt::format("{} KiB", key.limits.message_kib));
  }
  for (const std::string& pattern : key.names) {
    parts.push_back(pattern);
  }
  for (const auto& [label, pattern] : key.labels) {
    parts.push_back(fmt::format("{}={}", label, pattern));
  }
  return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ","));
}

Result<int> list_keys(const ListOptions& options) {
  const system::Path folder = TRY(keys_folder_of(options));
  const AllowList list = TRY(system::read_allow_list(folder / system::kAllowList));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(list.to_json().at("keys")));
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "KEY", "ROLES", "BOUNDS"}};
  for (const AllowedKey& key : list.keys()) {
    std::vector<std::string_view> roles;
    for (const KeyRole role : key.roles) {
      roles.push_back(to_string(role));
    }
    rows.push_back({key.name.str(), key.key.str(), fmt::format("{}", fmt::join(roles, ",")),
                    limits_text(key)});
  }
  fmt::print("{}", table(rows));
  return kDone;
}

Result<int> revoke_keys(const ListOptions& options) {
  const system::Path folder = TRY(keys_folder_of(options));
  TRY(edit_allow_list(folder, [&](AllowList& list) -> Result<> {
    for (const std::string& name : options.names) {
      TRY(list.remove(name));
    }
    return {};
  }));
  for (const std::string& name : options.names) {
    fmt::print("{}\n", name);
  }
  return kDone;
}

Result<int> finish_rotation(const system::Path& folder) {
  const system::Path next = folder / system::kNextServerKey;
  // Read first: what is no key must not take the place of one.
  const KeyPair pair = TRY(system::read_key_file(next));
  TRY(messaging::check_pair(pair).context(next.native()));
  // Written anew rather than renamed, so that the name is on the disk before the other one goes.
  std::string text = pair.text();
  const Result<> written = system::write_atomically(folder / system::kServerKey, text, 0600);
  wipe(text);
  TRY(written);
  std::error_code error;
  std::filesystem::remove(next, error);
  if (error) {
    return fail(Code::broken, "remove {}: {}", next.native(), error.message());
  }
  fmt::print("{}\n", pair.public_key.str());
  return kDone;
}

Result<int> rotate_key(const RotateOptions& options) {
  const system::Path folder = TRY(keys_folder_of(options));
  const system::Path next = folder / system::kNextServerKey;
  int code = kDone;
  TRY(with_keys_folder(folder, [&]() -> Result<> {
    if (options.finish) {
      code = TRY(finish_rotation(folder));
      return {};
    }
    if (options.cancel) {
      std::error_code error;
      if (!std::filesystem::remove(next, error)) {
        return fail(error ? Code::broken : Code::not_found, "remove {}: {}", next.native(),
                    error ? error.message() : "there is none");
      }
      return {};
    }
    TRY(system::read_key_file(folder / system::kServerKey));
    const PublicKey made = TRY(make_key_file(next));
    fmt::print("{}\n", made.str());
    return {};
  }));
  return code;
}

}  // namespace

void add_keys(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("keys", "Make keys, and let others in over tcp by theirs");
  command->require_subcommand(1);
  const auto foot = [](CLI::App* own) {
    own->footer(
        "Done on the node itself, as root, whether droverd runs or not; one that runs takes the\n"
        "change up by itself. No command prints a secret key.\n\n"
        "Exit status:\n  0 done, 1 it failed, 2 wrong usage\n");
  };
  const auto add = [&]<class Options>(const char* name, const char* about,
                                      std::shared_ptr<Options> options,
                                      Result<int> (*run)(const Options&)) {
    CLI::App* own = command->add_subcommand(name, about);
    foot(own);
    own->callback([&action, options, run] {
      action = [options, run](Session&) { return ended_by_keys(run(*options)); };
    });
    return own;
  };
  const auto add_config_option = [](CLI::App* own, KeysOptions& options) {
    own->add_option("--config", options.config,
                    "droverd's configuration (default: " + options.config + ")");
  };
  const auto file = std::make_shared<FileOptions>();
  add("new", "Make a pair of keys, in a file that nobody else reads, and print the public one",
      file, new_keys)
      ->add_option("FILE", file->file,
                   "Of the node /etc/drover/keys/server.key; none is overwritten")
      ->required();
  add("show", "Print the public key of a pair", file, show_key)
      ->add_option("FILE", file->file, "That `drover keys new` has made")
      ->required();
  foot(add_keys_allow(*command, action));
  const auto list = std::make_shared<ListOptions>();
  CLI::App* listed = add("list", "List the keys that are let in", list, list_keys);
  listed->add_flag("--json", list->json, "As a JSON array");
  add_config_option(listed, *list);
  CLI::App* revoked =
      add("revoke", "Let keys in no more; they are cut off at once", list, revoke_keys);
  revoked->add_option("NAME", list->names, "Which")->required();
  add_config_option(revoked, *list);
  const auto rotate = std::make_shared<RotateOptions>();
  CLI::App* rotated = add("rotate", "Change the node's own key", rotate, rotate_key);
  CLI::Option* finish =
      rotated->add_flag("--finish", rotate->finish,
                        "The new key takes the old one's place: every client must have it by now");
  rotated->add_flag("--cancel", rotate->cancel, "Without the new key")->excludes(finish);
  add_config_option(rotated, *rotate);
}

}  // namespace drover::cli
