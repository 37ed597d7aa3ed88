// drover doctor: what this node lacks to do its jobs. It asks the node itself, whether droverd runs
// or not.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/config.h"
#include "agent/doctor/examine_etcd.h"
#include "agent/doctor/examine_images.h"
#include "agent/doctor/examine_policy.h"
#include "agent/doctor/examine_programs.h"
#include "agent/doctor/examine_proxmox.h"
#include "agent/doctor/examine_users.h"
#include "agent/system/file.h"

namespace drover::cli {
namespace {

using doctor::Finding;

struct DoctorOptions {
  std::string file = "/etc/drover/droverd.json";
  bool json = false;
};

json::Value to_json(const std::vector<Finding>& findings) {
  json::Array list;
  for (const Finding& finding : findings) {
    list.emplace_back(
        json::Object{{"about", finding.about},
                     {"ok", finding.ok},
                     {"message", finding.message},
                     {"commands", json::Array(finding.commands.begin(), finding.commands.end())}});
  }
  return list;
}

const char* grade(const Finding& finding) {
  if (!finding.ok) {
    return "FAULT";
  }
  return finding.commands.empty() ? "ok" : "hint";
}

void print(const Finding& finding) {
  fmt::print("{:5} {:11} {}\n", grade(finding), finding.about, printable(finding.message));
  for (const std::string& command : finding.commands) {
    fmt::print("{:17}   {}\n", "", printable(command));
  }
}

Result<int> examine(const DoctorOptions& options, const system::Stop& stop) {
  const Result<std::string> text = system::read_file(options.file, std::size_t{1} << 20);
  if (!text) {
    print_error(text.error());
    return kOwnFailure;
  }
  const Result<Config> config = parse_config(*text);
  if (!config) {
    print_error(Error{
        config.error().code, options.file + " has faults; `drover config check` lists them", {}});
    return kFailed;
  }
  std::vector<Finding> findings = doctor::examine_programs(*config);
  std::vector<Finding> images = doctor::examine_images(*config);
  std::move(images.begin(), images.end(), std::back_inserter(findings));
  std::vector<Finding> of_etcd = doctor::examine_etcd(*config);
  std::move(of_etcd.begin(), of_etcd.end(), std::back_inserter(findings));
  std::vector<Finding> of_policy = doctor::examine_policy(*config);
  std::move(of_policy.begin(), of_policy.end(), std::back_inserter(findings));
  std::vector<Finding> of_users = doctor::examine_users(*config);
  std::move(of_users.begin(), of_users.end(), std::back_inserter(findings));
  if (config->proxmox.enabled) {
    system::SystemClock clock;
    std::vector<Finding> more = doctor::examine_proxmox(*config, clock, stop);
    std::move(more.begin(), more.end(), std::back_inserter(findings));
  } else {
    findings.push_back({"proxmox", true, "the configuration has no section \"proxmox\""});
  }
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(to_json(findings)));
  } else {
    std::for_each(findings.begin(), findings.end(), print);
  }
  TRY(stop.check("examine this node"));
  const bool ok = std::all_of(findings.begin(), findings.end(),
                              [](const Finding& finding) { return finding.ok; });
  return ok ? kDone : kFailed;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("doctor", "Find what this node lacks: programs, Proxmox VE, privileges");
  const auto options = std::make_shared<DoctorOptions>();
  command->add_option("--config", options->file,
                      "droverd's configuration (default: " + options->file + ")");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "As root, since the API token is for root only. A fault comes with the commands that mend\n"
      "it, a hint with those that let the node do more.\n\n"
      "Exit status:\n"
      "  0 no faults, 1 faults, 2 wrong usage, 125 configuration not readable\n");
  command->callback([&action, options] {
    action = [options](Session& session) { return examine(*options, session.interrupt.first()); };
  });
}

}  // namespace drover::cli
