// drover ps: the node's containers.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/node_answers.h"
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

/// Of nodes that do not answer: what the dispatcher has heard of them last.
Result<> add_unreachable(messaging::Client& client, const OfNodes& answered,
                         json::Array& containers, const system::Stop& stop) {
  if (answered.silent.empty()) {
    return {};
  }
  const json::Value answer = TRY(client.known("containers", stop));
  const json::Array none;
  const json::Value& known = answer.at("containers");
  for (const json::Value& one : known.array() == nullptr ? none : *known.array()) {
    const std::string_view node = one.at("node").string_or("");
    if (std::find(answered.silent.begin(), answered.silent.end(), node) == answered.silent.end()) {
      continue;
    }
    const std::string_view state = one.at("state").string_or("");
    containers.push_back(json::Object{
        {"node", node},
        {"name", one.at("name")},
        {"status", state.empty() ? "unreachable" : fmt::format("unreachable (was {})", state)},
        {"labels", one.at("labels")},
        {"unreachable", true}});
  }
  return {};
}

/// Of the nodes that --to means, without it of all.
Result<json::Array> containers_of_cluster(Session& session, bool& whole) {
  const system::Stop& stop = session.interrupt.first();
  messaging::Client client = TRY(session.connect_to_nodes("all"));
  const messaging::NodeAnswers answers = TRY(client.all_of_nodes("containers", stop));
  OfNodes answered = put_together(answers, "containers");
  whole = answered.whole;
  json::Array containers = std::move(answered.things);
  TRY(add_unreachable(client, answered, containers, stop));
  std::stable_sort(containers.begin(), containers.end(),
                   [](const json::Value& one, const json::Value& other) {
                     return one.at("node").string_or("") < other.at("node").string_or("");
                   });
  return containers;
}

Result<json::Array> containers_of_node(Session& session) {
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.containers(session.interrupt.first()));
  const json::Array* all = answer.at("containers").array();
  return all == nullptr ? json::Array() : *all;
}

Result<int> show_ps(Session& session, const PsOptions& options) {
  TRY(check_labels(options.labels));
  bool whole = true;
  json::Array containers = TRY(session.is_cluster() ? containers_of_cluster(session, whole)
                                                    : containers_of_node(session));
  std::erase_if(containers,
                [&](const json::Value& one) { return !has_labels(one, options.labels); });
  const int code = whole ? kDone : kFailed;
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(containers));
    return code;
  }
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "RUNTIME", "STATUS", "CREATED", "ADDRESS", "IMAGE"}};
  if (session.is_cluster()) {
    rows.front().insert(rows.front().begin(), "NODE");
  }
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
    if (session.is_cluster()) {
      rows.back().insert(rows.back().begin(), std::string(container.at("node").string_or("")));
    }
  }
  if (!options.names_only) {
    fmt::print("{}", table(rows));
  }
  return code;
}

}  // namespace

void add_ps(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("ps", "List the node's containers, or a cluster's, also stopped ones");
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
