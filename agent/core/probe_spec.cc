#include "agent/core/probe_spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/core/ids.h"
#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::array<std::string_view, 3> kKinds = {"exec", "http", "tcp"};
/// Few ask all probes of a node: one that is never answered holds one of them this long.
constexpr std::int64_t kMostTimeoutSeconds = 60;
constexpr std::int64_t kMostSeconds = 86400;
constexpr std::size_t kMostPath = 1024;

std::uint16_t read_port(Fields& fields) {
  fields.require("port");
  return static_cast<std::uint16_t>(fields.integer("port", 0, 1, 65535));
}

std::string read_url_path(Fields& fields) {
  std::string path = fields.string("path", "/");
  const bool fits =
      path.starts_with('/') && path.size() <= kMostPath &&
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!fits) {
    fields.fault("path", "must begin with '/' and have printable characters without spaces only");
  }
  return path;
}

void read_question(const json::Value& whole, Fields& fields, ProbeSpec& probe, Faults& faults) {
  std::size_t given = 0;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (!fields.has(kKinds.at(i))) {
      continue;
    }
    ++given;
    probe.kind = static_cast<ProbeSpec::Kind>(i);
    fields.object(kKinds.at(i), [&](const json::Value& value, std::string at) {
      Fields question(value, std::move(at), faults);
      if (probe.kind == ProbeSpec::Kind::exec) {
        question.require("command");
        probe.command = read_command(question);
        if (value.at("command").array() != nullptr && probe.command.empty()) {
          question.fault("command", "must name a program first");
        }
      } else {
        probe.port = read_port(question);
        probe.path = probe.kind == ProbeSpec::Kind::http ? read_url_path(question) : "/";
      }
      question.finish();
    });
  }
  if (given != 1) {
    faults.add(fields.pointer(), "must have exactly one of exec, http and tcp", &whole);
  }
}

}  // namespace

std::string_view to_string(ProbeSpec::Kind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

ProbeSpec read_probe(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  ProbeSpec probe;
  fields.require("name");
  probe.name = fields.string("name");
  if (value.at("name").string() != nullptr && !VolumeName::parse(probe.name)) {
    fields.fault("name", "must be 1 to 63 of a-z, 0-9 and '-', no '-' first or last");
  }
  read_question(value, fields, probe, faults);
  const auto seconds = [&fields](std::string_view key, std::chrono::seconds otherwise,
                                 std::int64_t least, std::int64_t most = kMostSeconds) {
    return std::chrono::seconds(fields.integer(key, otherwise.count(), least, most));
  };
  probe.interval = seconds("interval_s", probe.interval, 1);
  probe.timeout = seconds("timeout_s", probe.timeout, 1, kMostTimeoutSeconds);
  probe.failures = fields.integer("failures", probe.failures, 1, 1000);
  probe.start_period = seconds("start_period_s", probe.start_period, 0);
  fields.finish();
  return probe;
}

json::Value to_json(const ProbeSpec& probe) {
  json::Object question;
  switch (probe.kind) {
    case ProbeSpec::Kind::exec:
      question.set("command", json::Array(probe.command.begin(), probe.command.end()));
      break;
    case ProbeSpec::Kind::http:
      question.set("port", std::int64_t{probe.port});
      question.set("path", probe.path);
      break;
    case ProbeSpec::Kind::tcp:
      question.set("port", std::int64_t{probe.port});
      break;
  }
  json::Object object{{"name", probe.name}};
  object.set(to_string(probe.kind), std::move(question));
  const ProbeSpec usual;
  const auto set_seconds = [&object](std::string_view key, std::chrono::seconds given,
                                     std::chrono::seconds otherwise) {
    if (given != otherwise) {
      object.set(key, std::int64_t{given.count()});
    }
  };
  set_seconds("interval_s", probe.interval, usual.interval);
  set_seconds("timeout_s", probe.timeout, usual.timeout);
  if (probe.failures != usual.failures) {
    object.set("failures", probe.failures);
  }
  set_seconds("start_period_s", probe.start_period, usual.start_period);
  return object;
}

}  // namespace drover
