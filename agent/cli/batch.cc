// drover batch: many jobs of a cluster, begun a few at a time by its dispatcher.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <iterator>
#include <memory>

#include "agent/cli/batch_file.h"
#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/own_words.h"
#include "agent/cli/text.h"

namespace drover::cli {
namespace {

constexpr const char* kBatchCommand = "batch";

struct BatchOptions {
  std::string file;
  std::string id;
  bool cancel = false;
  bool json = false;
};

/// How many items are in which state: "3 succeeded, 1 accepted".
std::string counts_text(const json::Value& progress) {
  std::string text;
  if (const json::Object* counts = progress.at("items").object()) {
    for (const auto& [state, count] : *counts) {
      if (count.integer_or(0) != 0) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.integer_or(0), state);
      }
    }
  }
  return text.empty() ? "-" : text;
}

std::string phase_text(const json::Value& progress) {
  const std::string outcome(progress.at("outcome").string_or(""));
  const std::string phase(progress.at("phase").string_or(""));
  return !outcome.empty()                          ? outcome
         : progress.at("paused").boolean_or(false) ? phase + ", paused"
                                                   : phase;
}

void print_progress(const json::Value& progress) {
  const std::string why(progress.at("why").string_or(""));
  fmt::print("{} {}: {}{}{}\n", printable(progress.at("batch").string_or("")), phase_text(progress),
             counts_text(progress), why.empty() ? "" : "; ", printable(why));
}

/// Asks it, and prints what has become of the batch.
Result<int> order(Session& session, std::string_view kind, json::Object body) {
  messaging::Client client = TRY(session.connect_to_cluster(kBatchCommand));
  const json::Value answer = TRY(client.query(kind, std::move(body), session.interrupt.first()));
  print_progress(answer.at("batch"));
  return kDone;
}

Result<int> run_batch(Session& session, const BatchOptions& options) {
  Result<json::Object> body = read_batch_file(options.file);
  if (!body) {
    return wrong_usage(body.error());
  }
  return order(session, "dispatch.batch", std::move(*body));
}

Result<int> list_batches(Session& session, const BatchOptions& options) {
  messaging::Client client = TRY(session.connect_to_cluster(kBatchCommand));
  const json::Value answer =
      TRY(client.query("dispatch.batches", json::Object(), session.interrupt.first()));
  const json::Value& batches = answer.at("batches");
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(batches));
    return kDone;
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "STATE", "ITEMS", "WHY"}};
  const json::Array none;
  for (const json::Value& batch : batches.array() == nullptr ? none : *batches.array()) {
    rows.push_back({std::string(batch.at("batch").string_or("")), phase_text(batch),
                    counts_text(batch), std::string(batch.at("why").string_or(""))});
  }
  if (const json::Array* elsewhere = answer.at("elsewhere").array()) {
    for (const json::Value& batch : *elsewhere) {
      rows.push_back(
          {std::string(batch.at("batch").string_or("")), "-", "-",
           fmt::format("driven by dispatcher {}", batch.at("dispatcher").string_or(""))});
    }
  }
  fmt::print("{}", table(rows));
  return kDone;
}

/// The progress, and all its items, part by part.
Result<json::Value> all_of_batch(messaging::Client& client, const std::string& id,
                                 const system::Stop& stop) {
  json::Value all;
  std::string after;
  for (bool whole = false; !whole;) {
    json::Object question{{"id", id}};
    if (!after.empty()) {
      question.set("after", after);
    }
    json::Value part = TRY(client.query("dispatch.batch.show", std::move(question), stop));
    json::Value* items = part.object()->find("items");
    if (items == nullptr || items->array() == nullptr) {
      return fail(Code::broken, "dispatch.batch.show: the answer has no list of items");
    }
    whole = part.at("whole").boolean_or(true) || items->array()->empty();
    after = items->array()->empty() ? "" : items->array()->back().at("job").string_or("");
    if (all.is_null()) {
      all = std::move(part);
      continue;
    }
    json::Array& list = *all.object()->find("items")->array();
    std::move(items->array()->begin(), items->array()->end(), std::back_inserter(list));
  }
  all.object()->erase("whole");
  return all;
}

Result<int> show_batch(Session& session, const BatchOptions& options) {
  messaging::Client client = TRY(session.connect_to_cluster(kBatchCommand));
  const json::Value answer = TRY(all_of_batch(client, options.id, session.interrupt.first()));
  if (options.json) {
    fmt::print("{}\n", json::write_pretty(answer));
    return kDone;
  }
  print_progress(answer.at("batch"));
  std::vector<std::vector<std::string>> rows = {{"JOB", "NODE", "STATE", "MESSAGE"}};
  const json::Array none;
  const json::Value& items = answer.at("items");
  for (const json::Value& item : items.array() == nullptr ? none : *items.array()) {
    const std::string node(item.at("node").string_or(""));
    rows.push_back({std::string(item.at("job").string_or("")), node.empty() ? "-" : node,
                    std::string(item.at("state").string_or("")),
                    in_own_words(item.at("message").string_or(""))});
  }
  fmt::print("{}", table(rows));
  return kDone;
}

/// `drover batch NAME ID`, which is "dispatch.batch.NAME".
CLI::App* add_order(CLI::App& group, Action& action, const std::string& name,
                    const std::string& about, const std::shared_ptr<BatchOptions>& options) {
  CLI::App* command = group.add_subcommand(name, about);
  command->add_option("ID", options->id, "The batch")->required();
  command->footer(kExitStatus);
  command->callback([&action, name, options] {
    action = [name, options](Session& session) -> Result<int> {
      json::Object body{{"id", options->id}};
      if (options->cancel) {
        body.set("cancel", true);
      }
      return order(session, "dispatch.batch." + name, std::move(body));
    };
  });
  return command;
}

}  // namespace

void add_batch(CLI::App& app, Action& action) {
  CLI::App* group =
      app.add_subcommand(kBatchCommand, "Many jobs of a cluster, begun a few at a time");
  group->require_subcommand(1);
  const auto options = std::make_shared<BatchOptions>();
  CLI::App* run = group->add_subcommand(
      "run", "Hand over a batch; the same file again is the same batch and tells how far it is");
  run->add_option("FILE", options->file, "JSON with comments: docs/dispatch.md")->required();
  run->footer(kExitStatus);
  run->callback([&action, options] {
    action = [options](Session& session) { return run_batch(session, *options); };
  });
  CLI::App* list = group->add_subcommand("ls", "List the batches that the dispatcher knows");
  list->add_flag("--json", options->json, "As a JSON array");
  list->footer(kExitStatus);
  list->callback([&action, options] {
    action = [options](Session& session) { return list_batches(session, *options); };
  });
  CLI::App* show = group->add_subcommand("show", "Show how far a batch is, and each of its jobs");
  show->add_option("ID", options->id, "The batch")->required();
  show->add_flag("--json", options->json, "As JSON");
  show->footer(kExitStatus);
  show->callback([&action, options] {
    action = [options](Session& session) { return show_batch(session, *options); };
  });
  add_order(*group, action, "pause", "Begin no more of its jobs until it is resumed", options);
  add_order(*group, action, "resume", "Go on with a batch that was paused", options);
  add_order(*group, action, "approve", "End the wait behind its canary", options);
  add_order(*group, action, "abort", "Begin no more of its jobs at all", options)
      ->add_flag("--cancel", options->cancel, "And cancel those that have begun");
}

}  // namespace drover::cli
