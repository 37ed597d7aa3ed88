// drover ps: the node's containers.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/container_status.h"

namespace drover::cli {
namespace {

struct PsOptions {
  bool json = false;
  bool names_only = false;
  std::vector<std::string> labels;
};

/// Whether it has each of `labels`, "NAME" with any value or "NAME=VALUE".
bool has_labels(const json::Value& container, const std::vector<std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    const std::size_t equals = label.find('=');
    const std::string* value =
        container.at("labels").at(label.substr(0, std::min(equals, label.size()))).string();
    return value != nullptr && (equals == std::string::npos || *value == label.substr(equals + 1));
  });
}

Result<> check_labels(const std::vector<std::string>& labels) {
  for (const std::string& label : labels) {
    if (label.empty() || label.starts_with('=')) {
      return fail(Code::invalid, "--label: \"{}\" is neither NAME nor NAME=VALUE", label);
    }
  }
  return {};
}

std::string status_text(const json::Value& container, std::int64_t now) {
  const std::string status(container.at("status").string_or("unknown"));
  const std::string_view health = container.at("health").string_or("");
  if (status == to_string(Status::backoff)) {
    const json::Value& restarts = container.at("restarts");
    const std::int64_t at = restarts.at("next_at").integer_or(0);
    const std::string_view held = restarts.at("held").string_or("");
    return fmt::format("{}: {}, {}", status, to_text(exit_from_json(container.at("exit"))),
                       at != 0        ? "again at " + short_time(at, now)
                       : held.empty() ? "starting again"
                                      : std::string(held));
  }
  const std::string more = health.empty() ? "" : fmt::format(" ({})", health);
  if (status != to_string(Status::stopped) || container.at("exit").object() == nullptr) {
    return status + more;
  }
  const Exit exit = exit_from_json(container.at("exit"));
  const std::string how = exit.reason.empty() ? ": " + to_text(exit) : " (" + to_text(exit) + ")";
  return status + how + more;
}

std::string addresses(const json::Value& container) {
  std::string text;
  if (const json::Array* networks = container.at("networks").array()) {
    for (const json::Value& network : *networks) {
      const std::string_view address = network.at("address").string_or("");
      text += (text.empty() || address.empty() ? "" : ", ") +
              std::string(address.substr(0, address.find('/')));
    }
  }
  return text.empty() ? "-" : text;
}

Result<int> show_ps(Session& session, const PsOptions& options) {
  TRY(check_labels(options.labels));
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.containers(session.interrupt.first()));
  json::Array containers;
  if (const json::Array* all = answer.at("containers").array()) {
    std::copy_if(all->begin(), all->end(), std::back_inserter(containers),
                 [&](const json::Value& one) { return has_labels(one, options.labels); });
  }
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(containers));
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "RUNTIME", "STATUS", "CREATED", "ADDRESS", "IMAGE"}};
  const std::int64_t now = system::SystemClock().unix_ms();
  for (const json::Value& container : containers) {
    const std::string name(container.at("name").string_or(""));
    if (options.names_only) {
      fmt::print("{}\n", printable(name));
      continue;
    }
    rows.push_back({name, std::string(container.at("runtime").string_or("")),
                    status_text(container, now),
                    short_time(container.at("created_at").integer_or(0), now), addresses(container),
                    std::string(container.at("image").string_or(""))});
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return kDone;
}

}  // namespace

void add_ps(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("ps", "List the node's containers, also stopped ones");
  const auto options = std::make_shared<PsOptions>();
  command->add_flag("--json", options->json, "As a JSON array");
  command->add_flag("-q,--quiet", options->names_only, "Names only");
  command
      ->add_option("-l,--label", options->labels,
                   "Only those with this label, NAME or NAME=VALUE; with each that is given")
      ->type_name("LABEL")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->footer(kExitStatus);
  command->callback([&action, options] {
    action = [options](Session& session) { return show_ps(session, *options); };
  });
}

}  // namespace drover::cli
