// drover secret: the secrets of this node, which it keeps in files of root's. It asks no droverd:
// what a secret is travels over no socket.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/node_config.h"
#include "agent/cli/text.h"
#include "agent/core/secret_spec.h"
#include "agent/core/wipe.h"
#include "agent/system/clock.h"
#include "agent/system/secret_store.h"

namespace drover::cli {
namespace {

struct SecretOptions {
  std::string config = "/etc/drover/droverd.json";
  std::vector<std::string> names;
  bool replace = false;
  bool json = false;
  bool quiet = false;
};

/// Where the node's configuration says; on a machine without one where it would be by itself.
Result<system::SecretStore> store_of(const SecretOptions& options) {
  const Config config = TRY(node_config(options.config));
  return system::SecretStore(system::Path(config.runtime.state_folder) / "secrets");
}

Result<> check_secret_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!is_secret_name(name)) {
      return fail(Code::invalid,
                  "NAME: \"{}\" must be 1 to 64 of letters, digits, '-', '_' and '.', the first a "
                  "letter or digit",
                  printable(name));
    }
  }
  return {};
}

/// All that comes, at most one byte more than a secret may have, into memory that never moves: a
/// string that grows would leave copies behind.
Result<std::string> read_value() {
  std::string value(system::kMostSecretBytes + 1, '\0');
  std::size_t have = 0;
  while (have < value.size()) {
    const ssize_t got = ::read(STDIN_FILENO, value.data() + have, value.size() - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(Code::broken, "read the secret from standard input: {}", std::strerror(errno));
    }
    if (got == 0) {
      break;
    }
    have += static_cast<std::size_t>(got);
  }
  value.resize(have);
  return value;
}

Result<int> create_secret(const SecretOptions& options) {
  if (const Result<> checked = check_secret_names(options.names); !checked) {
    return wrong_usage(checked.error());
  }
  const system::SecretStore store = TRY(store_of(options));
  if (isatty(STDIN_FILENO) != 0) {
    fmt::print(stderr, "the secret's value, then Ctrl-D:\n");
  }
  std::string value = TRY(read_value());
  const Result<> written = store.write(options.names.front(), value, options.replace);
  wipe(value);
  TRY(written);
  fmt::print("{}\n", options.names.front());
  return kDone;
}

Result<int> list_secrets(const SecretOptions& options) {
  const system::SecretStore store = TRY(store_of(options));
  const std::vector<system::StoredSecret> all = TRY(store.list());
  if (options.json) {
    json::Array list;
    for (const system::StoredSecret& one : all) {
      list.emplace_back(json::Object{
          {"name", one.name}, {"bytes", one.bytes}, {"changed_at", one.changed_unix_ms}});
    }
    fmt::print("{}\n", json::write_pretty(list));
    return kDone;
  }
  const std::int64_t now = system::SystemClock().unix_ms();
  std::vector<std::vector<std::string>> rows = {{"NAME", "SIZE", "CHANGED"}};
  for (const system::StoredSecret& one : all) {
    if (options.quiet) {
      fmt::print("{}\n", printable(one.name));
    }
    rows.push_back({one.name, size_text(one.bytes), short_time(one.changed_unix_ms, now)});
  }
  fmt::print("{}", options.quiet ? "" : table(rows));
  return kDone;
}

Result<int> remove_secrets(const SecretOptions& options) {
  if (const Result<> checked = check_secret_names(options.names); !checked) {
    return wrong_usage(checked.error());
  }
  const system::SecretStore store = TRY(store_of(options));
  int code = kDone;
  for (const std::string& name : options.names) {
    const Result<> removed = store.remove(name);
    if (removed) {
      fmt::print("{}\n", name);
    } else {
      print_error(removed.error());
      code = kFailed;
    }
  }
  return code;
}

/// A refusal, as of who is not root, is no fault of a node.
Result<int> ended_here(Result<int> ended) {
  if (!ended) {
    print_error(ended.error());
    return kFailed;
  }
  return ended;
}

}  // namespace

void add_secret(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("secret", "Keep the secrets that containers get as files");
  command->require_subcommand(1);
  const auto options = std::make_shared<SecretOptions>();
  const auto add = [&](const char* name, const char* about,
                       Result<int> (*run)(const SecretOptions&)) {
    CLI::App* own = command->add_subcommand(name, about);
    own->add_option("--config", options->config,
                    "droverd's configuration (default: " + options->config + ")");
    own->footer(
        "As root, on the node itself, whether droverd runs or not. A container that runs keeps\n"
        "what it was given until it is started again.\n\n"
        "Exit status:\n  0 done, 1 it failed, 2 wrong usage\n");
    own->callback([&action, options, run] {
      action = [options, run](Session&) { return ended_here(run(*options)); };
    });
    return own;
  };
  CLI::App* create =
      add("create", "Make one of what comes on standard input, byte by byte", create_secret);
  create->add_option("NAME", options->names, "What specs and --secret call it")
      ->required()
      ->expected(1);
  create->add_flag("--replace", options->replace, "Also where there is one of that name");
  CLI::App* list = add("ls", "List them; no command shows a value", list_secrets);
  list->add_flag("--json", options->json, "As a JSON array");
  list->add_flag("-q,--quiet", options->quiet, "Names only");
  add("rm", "Remove them; what needs one does not start any more", remove_secrets)
      ->add_option("NAME", options->names, "Which")
      ->required();
}

}  // namespace drover::cli
