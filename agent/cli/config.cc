// drover config check: finds every fault of a configuration before droverd does.
#include "agent/core/config.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/system/file.h"

namespace drover::cli {
namespace {

Result<int> check(const std::string& file) {
  const Result<std::string> text = system::read_file(file, std::size_t{1} << 20);
  if (!text) {
    print_error(text.error());
    return kOwnFailure;  // also for one that is not there: that is no fault of a configuration
  }
  const Result<Config> config = parse_config(*text);
  if (config) {
    fmt::print("{}: no faults\n", file);
    return kDone;
  }
  const Error& error = config.error();
  for (const Fault& fault : error.faults) {
    fmt::print(stderr, "{}\n",
               printable(fmt::format("{}:{}: {}: {}", file, fault.line,
                                     fault.pointer.empty() ? "/" : fault.pointer, fault.message)));
  }
  if (error.faults.empty()) {
    fmt::print(stderr, "{}\n", printable(fmt::format("{}: {}", file, error.message)));
  }
  return kFailed;
}

}  // namespace

void add_config(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("config", "Check droverd's configuration");
  command->require_subcommand(1);
  CLI::App* check_command = command->add_subcommand(
      "check", "Print every fault of a configuration as FILE:LINE: POINTER: what is wrong");
  const auto file = std::make_shared<std::string>("/etc/drover/droverd.json");
  check_command->add_option("FILE", *file, "The file (default: " + *file + ")");
  check_command->footer("Exit status:\n  0 no faults, 1 faults, 2 wrong usage, 125 not readable\n");
  check_command->callback([&action, file] { action = [file](Session&) { return check(*file); }; });
}

}  // namespace drover::cli
