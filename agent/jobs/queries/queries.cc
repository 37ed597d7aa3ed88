#include "agent/jobs/queries/queries.h"

#include <utility>

#include "agent/core/fields.h"
#include "agent/core/json_members.h"
#include "agent/jobs/drain.h"
#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/queries/capacity.h"
#include "agent/jobs/queries/views.h"
#include "agent/jobs/reconcile/leaks.h"

namespace drover::jobs {
namespace {

constexpr std::int64_t kMostJobs = 1000;
constexpr std::int64_t kMostEvents = 500;

Result<std::string> asked_for(const json::Value& question, std::string_view key) {
  Faults faults;
  Fields fields(question, "", faults);
  fields.require(key);
  std::string value = fields.string(key);
  fields.finish();
  TRY(faults.result("the query is not understood"));
  return value;
}

}  // namespace

Result<json::Value> Queries::answer(std::string_view kind, const json::Value& question) {
  if (kind == "query.containers") {
    return containers(question);
  }
  if (kind == "query.container") {
    return container(question);
  }
  if (kind == "query.images") {
    return images(question);
  }
  if (kind == "query.volumes") {
    return volumes(question);
  }
  if (kind == "query.networks") {
    return networks(question);
  }
  if (kind == "query.links") {
    return links(question);
  }
  if (kind == "query.storages") {
    return storages(question);
  }
  if (kind == "query.jobs") {
    return jobs(question);
  }
  if (kind == "query.job") {
    return job(question);
  }
  if (kind == "query.events") {
    return events(question);
  }
  if (kind == "query.explain") {
    return explain(question);
  }
  if (kind == "query.leaks") {
    return leaks(question);
  }
  if (kind == "query.node") {
    return node();
  }
  return fail(Code::invalid, "there is no query of kind {}", kind);
}

Result<UsageReading> Queries::usage(const json::Value& question) const {
  return usage_reading(journal_, node_, question);
}

Result<SpecReading> Queries::explain_spec(const json::Value& question) const {
  return spec_reading(journal_, node_, question);
}

Result<std::string> Queries::after_which(const json::Value& question) {
  Faults faults;
  Fields fields(question, "", faults);
  std::string after = fields.string("after");
  fields.finish();
  TRY(faults.result("the query is not understood"));
  return after;
}

Result<json::Value> Queries::containers(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<ContainerRow> rows = TRY(journal_.containers(after));
  return page_of("containers", rows, [this](const ContainerRow& row) {
    return container_view(row, node_.layout, false);
  });
}

Result<json::Value> Queries::container(const json::Value& question) {
  Faults faults;
  Fields fields(question, "", faults);
  fields.require("name");
  const std::string name = fields.string("name");
  const bool also_deleted = fields.boolean("deleted", false);
  fields.finish();
  TRY(faults.result("the query is not understood"));
  const auto row = TRY(journal_.container(name));
  if (!row) {
    const auto kept = also_deleted ? TRY(journal_.deleted(name)) : std::optional<DeletedRow>();
    return kept ? view_of(*kept)
                : fail(Code::not_found, "node {} has no container {}", node_.name, name);
  }
  json::Object view = TRY(container_view(*row, node_.layout, true));
  if (prober_ != nullptr) {
    if (json::Array probes = prober_->view(name); !probes.empty()) {
      view.set("probes", std::move(probes));
    }
  }
  return json::Value(std::move(view));
}

Result<json::Value> Queries::jobs(const json::Value& question) {
  Faults faults;
  Fields fields(question, "", faults);
  const std::int64_t most = fields.integer("most", 50, 1, kMostJobs);
  fields.finish();
  TRY(faults.result("the query is not understood"));
  const std::vector<JobRow> rows = TRY(journal_.jobs(most));
  Page page;
  bool whole = true;
  for (auto row = rows.begin(); whole && row != rows.end(); ++row) {
    whole = page.add(job_view(*row));
  }
  return json::Value(json::Object{{"whole", whole}, {"jobs", page.take()}});
}

Result<json::Value> Queries::job(const json::Value& question) {
  const std::string id = TRY(asked_for(question, "id"));
  const auto row = TRY(journal_.job(id));
  if (!row) {
    return fail(Code::not_found, "node {} knows no job {}", node_.name, id);
  }
  const std::vector<StepRow> steps = TRY(journal_.steps(id));
  json::Object view = job_view(*row);
  view.set("steps", steps_view(steps));
  if (const std::optional<Waiting> waits = supervisor_.waits_for(id)) {
    view.set("waits_for", json::Object{{"thing", waits->thing}, {"before", waits->before}});
  }
  if (std::optional<json::Object> progress = supervisor_.progress_of(id)) {
    view.set("progress", std::move(*progress));
  }
  return json::Value(std::move(view));
}

Result<json::Value> Queries::events(const json::Value& question) {
  Faults faults;
  Fields fields(question, "", faults);
  const std::int64_t after = fields.integer("after", 0, 0, INT64_MAX);
  const std::string epoch = fields.string("epoch");
  const std::int64_t most = fields.integer("most", kMostEvents, 1, kMostEvents);
  const EventFilter filter{fields.strings("kinds"), fields.string("object")};
  fields.finish();
  TRY(faults.result("the query is not understood"));
  FoundEvents found;
  // Behind a number of another epoch there is nothing: whatever has that number now is another
  // journal's. Which epoch it is the answer says.
  if (epoch.empty() || epoch == journal_.epoch()) {
    found = TRY(journal_.find_events(static_cast<std::uint64_t>(after), most, filter));
  }
  Page page;
  std::uint64_t through = found.through;
  std::uint64_t last = static_cast<std::uint64_t>(after);
  for (const Event& event : found.events) {
    if (!page.add(to_cloud_event(event, node_.name))) {
      through = last;
      break;
    }
    last = event.seq;
  }
  const std::uint64_t oldest = TRY(journal_.oldest_event());
  return json::Value(json::Object{{"epoch", journal_.epoch()},
                                  {"head", journal_.head()},
                                  {"oldest", oldest},
                                  {"through", through},
                                  {"kinds", journal_.kind_counts()},
                                  {"events", page.take()}});
}

Result<json::Value> Queries::explain(const json::Value& question) {
  const std::string name = TRY(asked_for(question, "name"));
  TRY(ContainerName::parse(name));
  return json::Value(routing_view(node_, name));
}

Result<json::Value> Queries::leaks(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<LeakRow> rows = TRY(journal_.leaks(after));
  return page_of("leaks", rows,
                 [](const LeakRow& row) { return Result<json::Object>(leak_view(row)); });
}

Result<json::Value> Queries::node() {
  const std::vector<ContainerRow> rows = TRY(journal_.containers());
  json::Value drain;
  if (const std::optional<Drained> since = TRY(drained(journal_))) {
    drain = json::Object{{"since", since->since_unix_ms}, {"job", since->job}};
  }
  json::Array runtimes;
  for (const auto& [kind, runtime] : node_.runtimes) {
    runtimes.emplace_back(to_string(kind));
  }
  json::Object capacity = TRY(capacity_view(rows, node_.config.container.memory_mib));
  return json::Value(json::Object{
      {"node", node_.name},
      {"labels", object_of(node_.config.labels)},
      {"epoch", journal_.epoch()},
      {"seq", journal_.head()},
      {"version", DROVER_VERSION},
      {"drained", std::move(drain)},
      {"runtimes", std::move(runtimes)},
      {"jobs", json::Object{{"waiting", static_cast<std::int64_t>(supervisor_.waiting())},
                            {"running", static_cast<std::int64_t>(supervisor_.running())}}},
      {"containers", static_cast<std::int64_t>(rows.size())},
      {"capacity", std::move(capacity)},
      {"disk", disk_.view()},
      {"cluster", cluster_ == nullptr ? json::Value() : json::Value(cluster_->view())}});
}

}  // namespace drover::jobs
