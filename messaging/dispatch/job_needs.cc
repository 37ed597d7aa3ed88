#include "messaging/dispatch/job_needs.h"

#include <cmath>
#include <utility>

#include "agent/core/fields.h"

namespace drover::dispatch {
namespace {

constexpr std::size_t kMostNamesOfKind = 16;
constexpr std::size_t kMostPreferences = 16;
constexpr std::size_t kMostName = 64;
// As those of a spec's resources.
constexpr double kMostNeededCpus = 8192;
constexpr std::int64_t kMostNeededMemoryMib = std::int64_t{64} << 20;
constexpr std::int64_t kMostNeededDiskMib = std::int64_t{1} << 30;

std::optional<LabelExpression> read_labels(Fields& fields) {
  if (!fields.has("labels")) {
    fields.any("labels");
    return std::nullopt;
  }
  Result<LabelExpression> labels = LabelExpression::parse(fields.string("labels", "has name"));
  if (!labels) {
    fields.fault("labels", labels.error().message);
    return std::nullopt;
  }
  return std::move(*labels);
}

std::vector<std::string> read_names(Fields& fields, std::string_view key) {
  std::vector<std::string> names = fields.strings(key);
  if (names.size() > kMostNamesOfKind) {
    fields.fault(key, fmt::format("must have at most {} elements", kMostNamesOfKind));
  }
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kMostName) {
      fields.fault(key, fmt::format("must be names of 1 to {} bytes", kMostName));
    }
  }
  return names;
}

std::optional<Neighbours> read_neighbours(Fields& fields, std::string_view key, Faults& faults) {
  const json::Value* value = fields.any(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  Fields own(*value, json::pointer_join(fields.pointer(), key), faults);
  own.require("labels");
  std::optional<LabelExpression> labels = read_labels(own);
  const bool must = own.boolean("must", false);
  own.finish();
  if (!labels) {
    return std::nullopt;
  }
  return Neighbours{std::move(*labels), must};
}

void read_preferences(Fields& fields, JobNeeds& needs, Faults& faults) {
  fields.each("prefer", kMostPreferences, [&](const json::Value& value, std::string at) {
    Fields own(value, std::move(at), faults);
    own.require("labels");
    std::optional<LabelExpression> labels = read_labels(own);
    const std::int64_t weight = own.integer("weight", 50, -100, 100);
    own.finish();
    if (labels) {
      needs.prefer.push_back(Preference{std::move(*labels), weight});
    }
  });
  needs.near = read_neighbours(fields, "near", faults);
  needs.apart = read_neighbours(fields, "apart", faults);
}

void read_strategy(Fields& fields, JobNeeds& needs) {
  const bool near = needs.near && !needs.near->must;
  const bool apart = needs.apart && !needs.apart->must;
  const bool prefers = !needs.prefer.empty() || near || apart;
  const std::string strategy = fields.one_of("strategy", prefers ? "affinity" : "hash",
                                             {"hash", "spread", "binpack", "affinity"});
  for (const Strategy one :
       {Strategy::hash, Strategy::spread, Strategy::binpack, Strategy::affinity}) {
    if (to_string(one) == strategy) {
      needs.strategy = one;
    }
  }
  if (prefers && needs.strategy != Strategy::affinity) {
    fields.fault("strategy",
                 fmt::format("must be affinity, and not {}, where there are prefer, near or apart "
                             "without \"must\"",
                             strategy));
  }
}

json::Value to_json(const Neighbours& neighbours) {
  json::Object object{{"labels", neighbours.labels.str()}};
  if (neighbours.must) {
    object.set("must", true);
  }
  return object;
}

}  // namespace

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::hash:
      return "hash";
    case Strategy::spread:
      return "spread";
    case Strategy::binpack:
      return "binpack";
    case Strategy::affinity:
      break;
  }
  return "affinity";
}

Result<JobNeeds> read_job_needs(const json::Value& value) {
  Faults faults;
  Fields fields(value, "/needs", faults);
  JobNeeds needs;
  needs.capacity.milli_cpus = std::llround(fields.number("cpus", 0, 0, kMostNeededCpus) * 1000);
  needs.capacity.memory_mib = fields.integer("memory_mib", 0, 0, kMostNeededMemoryMib);
  needs.capacity.disk_mib = fields.integer("disk_mib", 0, 0, kMostNeededDiskMib);
  if (const std::string runtime = fields.string("runtime"); fields.has("runtime")) {
    needs.runtime = runtime_kind_from(runtime);
    if (!needs.runtime) {
      fields.fault("runtime", "must be one of runc, crun, lxc, pve-lxc");
    }
  }
  needs.storages = read_names(fields, "storages");
  needs.bridges = read_names(fields, "bridges");
  needs.labels = read_labels(fields);
  read_preferences(fields, needs, faults);
  read_strategy(fields, needs);
  fields.finish();
  TRY(faults.result("the header's \"needs\" is not accepted"));
  return needs;
}

json::Value to_json(const JobNeeds& needs) {
  json::Object object = to_json(needs.capacity);
  if (needs.runtime) {
    object.set("runtime", to_string(*needs.runtime));
  }
  if (!needs.storages.empty()) {
    object.set("storages", json::Array(needs.storages.begin(), needs.storages.end()));
  }
  if (!needs.bridges.empty()) {
    object.set("bridges", json::Array(needs.bridges.begin(), needs.bridges.end()));
  }
  if (needs.labels) {
    object.set("labels", needs.labels->str());
  }
  object.set("strategy", to_string(needs.strategy));
  if (!needs.prefer.empty()) {
    json::Array prefer;
    for (const Preference& preference : needs.prefer) {
      prefer.emplace_back(
          json::Object{{"labels", preference.labels.str()}, {"weight", preference.weight}});
    }
    object.set("prefer", std::move(prefer));
  }
  if (needs.near) {
    object.set("near", to_json(*needs.near));
  }
  if (needs.apart) {
    object.set("apart", to_json(*needs.apart));
  }
  return object;
}

}  // namespace drover::dispatch
