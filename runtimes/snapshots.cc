#include "runtimes/snapshots.h"

namespace drover::runtimes {

json::Value to_json(const std::vector<Snapshot>& snapshots) {
  json::Array all;
  for (const Snapshot& snapshot : snapshots) {
    json::Object object{{"name", snapshot.name}, {"taken_at", snapshot.taken_at}};
    if (!snapshot.parent.empty()) {
      object.set("parent", snapshot.parent);
    }
    if (snapshot.newest) {
      object.set("newest", true);
    }
    all.emplace_back(std::move(object));
  }
  return all;
}

std::vector<Snapshot> snapshots_from_json(const json::Value& value) {
  std::vector<Snapshot> snapshots;
  if (const json::Array* all = value.array()) {
    for (const json::Value& one : *all) {
      snapshots.push_back({std::string(one.at("name").string_or("")),
                           std::string(one.at("parent").string_or("")),
                           one.at("taken_at").integer_or(0), one.at("newest").boolean_or(false)});
    }
  }
  return snapshots;
}

}  // namespace drover::runtimes
