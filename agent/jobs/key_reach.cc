#include "agent/jobs/key_reach.h"

#include <map>
#include <string>

#include "runtimes/copy_source.h"

namespace drover::jobs {
namespace {

Result<> check_name(const AllowedKey& key, TargetKind kind, const std::string& name) {
  return key.may_touch(name)
             ? Result<>()
             : fail(Code::refused, "key {} may not touch {} {}: its names on this node are {}",
                    key.name.str(), to_string(kind), name, fmt::join(key.names, ", "));
}

Result<> check_labels(const AllowedKey& key, const std::string& container,
                      const std::map<std::string, std::string>& labels) {
  if (key.may_touch(labels)) {
    return {};
  }
  std::string wanted;
  for (const auto& [label, pattern] : key.labels) {
    wanted += fmt::format("{}{}={}", wanted.empty() ? "" : ", ", label, pattern);
  }
  return fail(Code::refused, "key {} may not touch container {}: it may those that are labelled {}",
              key.name.str(), container, wanted);
}

/// One that is not there has no labels to be held against, and is told to be missing elsewhere.
Result<> check_labels_of(const AllowedKey& key, Journal& journal, const std::string& container) {
  if (key.labels.empty()) {
    return {};
  }
  const std::optional<ContainerRow> row = TRY(journal.container(container));
  if (!row) {
    return {};
  }
  const json::Value record = TRY(json::parse(row->container));
  std::map<std::string, std::string> labels;
  if (const json::Object* found = record.at("spec").at("labels").object()) {
    for (const auto& [label, value] : *found) {
      labels.emplace(label, value.string_or(""));
    }
  }
  return check_labels(key, container, labels);
}

Result<> check_container(const AllowedKey& key, Journal& journal, const std::string& name) {
  TRY(check_name(key, TargetKind::container, name));
  return check_labels_of(key, journal, name);
}

Result<> check_spec(const AllowedKey& key, Journal& journal, const ContainerSpec& spec) {
  for (const VolumeSpec& volume : spec.volumes) {
    if (!volume.from.empty()) {
      TRY(check_name(key, TargetKind::volume, volume.from));
    }
  }
  if (runtimes::names_container(spec.image)) {
    const runtimes::CopySource source = TRY(runtimes::read_copy_source(spec.image));
    TRY(check_container(key, journal, source.container.str()));
  }
  return {};
}

/// What the job is about is what it reached for when it was taken in.
Result<> check_job(const AllowedKey& key, Journal& journal, const std::string& id) {
  const std::optional<JobRow> row = TRY(journal.job(id));
  if (!row) {
    return {};
  }
  const json::Value text = TRY(json::parse(row->request));
  const JobRequest request = TRY(read_job(text));
  return check_reach(key, journal, request);
}

}  // namespace

Result<> check_reach(const AllowedKey& key, Journal& journal, const JobRequest& request) {
  if (key.names.empty() && key.labels.empty()) {
    return {};
  }
  const TargetKind kind = target_kind_of(request.verb);
  switch (kind) {
    case TargetKind::image:
    case TargetKind::node:
      return {};
    case TargetKind::job:
      return check_job(key, journal, request.target);
    case TargetKind::volume:
    case TargetKind::network:
      return check_name(key, kind, request.target);
    case TargetKind::container:
      break;
  }
  TRY(check_container(key, journal, request.target));
  if (request.spec) {
    TRY(check_labels(key, request.target, request.spec->labels));
    TRY(check_spec(key, journal, *request.spec));
  } else if (may_have_spec(request.verb)) {
    TRY(check_labels(key, request.target, {}));
  }
  return {};
}

Result<> check_reach(const AllowedKey& key, Journal& journal, const json::Value& question) {
  if (key.names.empty() && key.labels.empty()) {
    return {};
  }
  const bool of_job = question.at("of").string_or("").starts_with("job");
  const json::Value& named = question.at(of_job ? "id" : "name");
  const std::string name(named.string_or(""));
  if (name.empty()) {
    return {};
  }
  return of_job ? check_job(key, journal, name) : check_container(key, journal, name);
}

}  // namespace drover::jobs
