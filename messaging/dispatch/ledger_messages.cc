#include "messaging/dispatch/ledger_messages.h"

#include <limits>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/ids.h"
#include "agent/core/json_members.h"

namespace drover::dispatch {
namespace {

constexpr std::size_t kMostEpoch = 64;
constexpr std::size_t kMostState = 32;
constexpr std::size_t kMostId = 64;
constexpr std::int64_t kMostDispatchers = 1000;

std::string read_text(Fields& fields, std::string_view key, std::size_t most) {
  fields.require(key);
  std::string text = fields.string(key);
  if (fields.has(key) && (text.empty() || text.size() > most)) {
    fields.fault(key, fmt::format("must be a string of 1 to {} bytes", most));
  }
  return text;
}

std::uint64_t read_seq(Fields& fields) {
  fields.require("seq");
  return static_cast<std::uint64_t>(
      fields.integer("seq", 0, 0, std::numeric_limits<std::int64_t>::max()));
}

Sender read_sender(Fields& fields, std::string key) {
  Sender sender{fields.string("node"), std::move(key), read_text(fields, "epoch", kMostEpoch)};
  if (const Result<NodeName> name = NodeName::parse(sender.node); !name) {
    fields.fault("node", name.error().message);
  }
  return sender;
}

}  // namespace

std::string_view to_string(ThingKind kind) {
  switch (kind) {
    case ThingKind::container:
      return "container";
    case ThingKind::job:
      return "job";
    case ThingKind::other:
      break;
  }
  return "other";
}

Result<Hello> read_hello(const json::Value& value, std::string key) {
  Faults faults;
  Fields fields(value, "", faults);
  Hello hello;
  hello.sender.epoch = read_text(fields, "epoch", kMostEpoch);
  hello.seq = read_seq(fields);
  fields.each("jobs", kMostJobsOfHello, [&](const json::Value& element, std::string at) {
    Fields own(element, std::move(at), faults);
    JobFacts job;
    job.id = read_text(own, "id", kMostId);
    job.state = read_text(own, "state", kMostState);
    hello.jobs.push_back(std::move(job));
  });
  TRY(faults.result("the agent's HELLO is not understood"));
  hello.facts = TRY(read_node_facts(value.at("facts")));
  hello.sender.node = hello.facts.name;
  hello.sender.key = std::move(key);
  return hello;
}

Result<Heartbeat> read_heartbeat(const json::Value& value, std::string key) {
  Faults faults;
  Fields fields(value, "", faults);
  Heartbeat heartbeat;
  heartbeat.sender = read_sender(fields, std::move(key));
  heartbeat.seq = read_seq(fields);
  fields.object("reserved", [&](const json::Value& reserved, std::string at) {
    heartbeat.reserved = read_capacity(reserved, std::move(at), faults);
  });
  heartbeat.drained = fields.boolean("drained", false);
  heartbeat.quorate = read_quorate(fields);
  if (fields.has("dispatchers")) {
    heartbeat.dispatchers = fields.integer("dispatchers", 1, 1, kMostDispatchers);
  }
  TRY(faults.result("the agent's heartbeat is not understood"));
  return heartbeat;
}

Result<ThingChange> read_thing_change(const json::Value& value, std::string key) {
  Faults faults;
  Fields fields(value, "", faults);
  ThingChange change;
  change.sender = read_sender(fields, std::move(key));
  change.seq = read_seq(fields);
  fields.require("kind");
  change.kind = fields.one_of("kind", "container", {"container", "job"}) == "job"
                    ? ThingKind::job
                    : ThingKind::container;
  change.id = read_text(fields, "id", kMostId);
  change.state = read_text(fields, "state", kMostState);
  change.labels = fields.strings_by_key("labels");
  TRY(faults.result("what the agent tells is not understood"));
  return change;
}

json::Value to_json(const Hello& hello) {
  json::Array jobs;
  for (const JobFacts& job : hello.jobs) {
    jobs.emplace_back(json::Object{{"id", job.id}, {"state", job.state}});
  }
  return json::Object{{"epoch", hello.sender.epoch},
                      {"seq", hello.seq},
                      {"facts", to_json(hello.facts)},
                      {"jobs", std::move(jobs)}};
}

json::Value to_json(const Heartbeat& heartbeat) {
  json::Object object{
      {"node", heartbeat.sender.node},
      {"epoch", heartbeat.sender.epoch},
      {"seq", heartbeat.seq},
      {"reserved", to_json(heartbeat.reserved)},
      {"drained", heartbeat.drained},
      {"quorate", heartbeat.quorate ? json::Value(*heartbeat.quorate) : json::Value()}};
  if (heartbeat.dispatchers) {
    object.set("dispatchers", *heartbeat.dispatchers);
  }
  return object;
}

json::Value to_json(const ThingChange& change) {
  json::Object object{{"node", change.sender.node},
                      {"epoch", change.sender.epoch},
                      {"seq", change.seq},
                      {"kind", to_string(change.kind)},
                      {"id", change.id},
                      {"state", change.state}};
  if (!change.labels.empty()) {
    object.set("labels", object_of(change.labels));
  }
  return object;
}

}  // namespace drover::dispatch
