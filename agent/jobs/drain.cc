#include "agent/jobs/drain.h"

#include <set>

#include "agent/core/rfc3339.h"
#include "agent/jobs/maintenance.h"

namespace drover::jobs {
namespace {

constexpr const char* kFact = "drained";

Result<> tell(Books& books, const JobRequest& request, const std::string& what) {
  return books.tell(Event{
      .kind = "node", .object = request.target, .what = what, .job = request.id.str(), .data = {}});
}

}  // namespace

Result<std::optional<Drained>> drained(Journal& journal) {
  const std::string fact = TRY(journal.fact(kFact));
  if (fact.empty()) {
    return std::optional<Drained>();
  }
  const json::Value value = TRY(json::parse(fact));
  return std::optional<Drained>(
      Drained{value.at("since").integer_or(0), std::string(value.at("job").string_or(""))});
}

Result<> set_drained(Journal& journal, const Drained& drained) {
  return journal.set_fact(
      kFact, json::write(json::Object{{"since", drained.since_unix_ms}, {"job", drained.job}}));
}

Result<> drain_node(Books& books, const JobRequest& request, std::int64_t now_unix_ms) {
  if (TRY(drained(books.journal()))) {
    return {};
  }
  TRY(set_drained(books.journal(), {now_unix_ms, request.id.str()}));
  return tell(books, request, "drained");
}

Result<> undrain_node(Books& books, const JobRequest& request) {
  if (!TRY(drained(books.journal()))) {
    return {};
  }
  TRY(books.journal().set_fact(kFact, ""));
  return tell(books, request, "undrained");
}

Result<std::vector<std::string>> containers_to_stop(Journal& journal) {
  std::set<std::string> names;
  const std::vector<ContainerRow> containers = TRY(journal.containers());
  for (const ContainerRow& row : containers) {
    const bool runs = row.status == Status::running || row.status == Status::paused ||
                      row.status == Status::backoff;
    if (runs) {
      names.insert(row.name);
    }
  }
  const std::vector<JobRow> unfinished = TRY(journal.unfinished());
  for (const JobRow& row : unfinished) {
    const std::optional<Verb> verb = verb_from(row.verb);
    if (verb && starts_container(*verb)) {
      names.insert(row.target);
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<> admit_to_node(Journal& journal, const std::string& node, const JobRequest& request) {
  if (target_kind_of(request.verb) == TargetKind::node) {
    return request.target == node ? Result<>()
                                  : fail(Code::invalid, "{} {}: this is node {}",
                                         to_string(request.verb), request.target, node);
  }
  if (!makes_container(request.verb) && !starts_container(request.verb)) {
    return {};
  }
  if (const auto since = TRY(drained(journal))) {
    return fail(Code::conflict,
                "{} {}: node {} is drained since {} ({}): choose another node, or let "
                "this one take containers again first (node.undrain)",
                to_string(request.verb), request.target, node, to_rfc3339(since->since_unix_ms),
                since->job.empty() ? "its journal was lost, and whether it was drained before"
                                   : "job " + since->job);
  }
  if (const auto since = TRY(maintenance(journal))) {
    return fail(
        Code::conflict,
        "{} {}: node {} is in maintenance since {}, by the HA manager of Proxmox VE: choose "
        "another node, or end that first (on any node of its cluster: {})",
        to_string(request.verb), request.target, node, to_rfc3339(since->since_unix_ms),
        command_to_end(*since));
  }
  return {};
}

}  // namespace drover::jobs
