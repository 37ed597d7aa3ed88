// drover journal check: reads the journal itself, whether droverd runs or not.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/jobs/journal/journal_check.h"

namespace drover::cli {
namespace {

struct JournalOptions {
  std::string path = "/var/lib/drover/journal.db";
  bool json = false;
};

Result<int> check_journal_file(const JournalOptions& options) {
  const Result<jobs::JournalReport> checked = jobs::check_journal(options.path);
  if (!checked) {
    print_error(checked.error());
    return kOwnFailure;  // also for one that is not there: that is no fault of a journal
  }
  const jobs::JournalReport& report = *checked;
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(jobs::to_json(report)));
    return report.faults.empty() ? kDone : kFailed;
  }
  fmt::print("{}: version {}, {} KiB, epoch {}\n", options.path, report.version, report.bytes >> 10,
             report.epoch.empty() ? "unknown" : report.epoch);
  if (!report.epoch.empty()) {
    fmt::print("  {} jobs ({} have not ended), {} containers, {} events ({} to {})\n", report.jobs,
               report.unfinished, report.containers, report.events, report.oldest, report.head);
  }
  for (const std::string& fault : report.faults) {
    fmt::print(stderr, "{}: {}\n", options.path, printable(fault));
  }
  if (report.faults.empty()) {
    fmt::print("no faults\n");
  }
  return report.faults.empty() ? kDone : kFailed;
}

}  // namespace

void add_journal(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("journal", "Check the node's journal");
  command->require_subcommand(1);
  CLI::App* check = command->add_subcommand(
      "check", "Read a journal and print every fault; droverd may run meanwhile");
  const auto options = std::make_shared<JournalOptions>();
  check->add_option("PATH", options->path, "The file (default: " + options->path + ")");
  check->add_flag("--json", options->json, "As JSON");
  check->footer("Exit status:\n  0 no faults, 1 faults, 2 wrong usage, 125 not readable\n");
  check->callback([&action, options] {
    action = [options](Session&) { return check_journal_file(*options); };
  });
}

}  // namespace drover::cli
