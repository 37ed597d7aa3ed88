#include "messaging/dispatch/daemon/own_questions.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "agent/core/fields.h"
#include "messaging/dispatch/target.h"

namespace drover::dispatch {
namespace {

constexpr std::int64_t kMostOfPage = 500;
/// Of a page, so that it fits a body whatever the nodes have.
constexpr std::size_t kMostPageBytes = 200 * 1024;
constexpr std::size_t kMostUnfit = 100;

constexpr std::array<std::pair<std::string_view, KeyRole>, 5> kKinds = {{
    {"dispatch.nodes", KeyRole::observe},
    {"dispatch.where", KeyRole::observe},
    {"dispatch.containers", KeyRole::observe},
    {"dispatch.plan", KeyRole::observe},
    {"dispatch.forget", KeyRole::admin},
}};

/// Rows until one is too many, in number or in bytes.
class Page {
 public:
  explicit Page(std::int64_t most) : most_(static_cast<std::size_t>(most)) {}
  bool add(json::Value row) {
    bytes_ += json::write(row).size() + 1;
    if (rows_.size() == most_ || (bytes_ > kMostPageBytes && !rows_.empty())) {
      whole_ = false;
      return false;
    }
    rows_.push_back(std::move(row));
    return true;
  }
  json::Object take(std::string_view name) {
    return json::Object{{std::string(name), std::move(rows_)}, {"whole", whole_}};
  }

 private:
  std::size_t most_;
  std::size_t bytes_ = 0;
  bool whole_ = true;
  json::Array rows_;
};

std::int64_t read_most(Fields& fields) {
  return fields.integer("most", kMostOfPage, 1, kMostOfPage);
}

json::Value row_of(const NodeFacts& facts, const Ledger& ledger, const Since& since) {
  json::Value value = to_json(facts);
  json::Object row = *value.object();
  row.set("containers", static_cast<std::int64_t>(facts.containers.size()));
  row.set("liveness", to_string(facts.liveness));
  const auto found = since.find(facts.name);
  row.set("since_unix_ms", found == since.end() ? std::int64_t{0} : found->second);
  if (const std::optional<Standing> standing = ledger.standing(facts.name)) {
    row.set("jobs", static_cast<std::int64_t>(standing->jobs));
    row.set("epoch", standing->epoch);
    row.set("seq", standing->seq);
  }
  return row;
}

Result<json::Value> nodes(const Ledger& ledger, const Since& since, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  const std::string after = fields.string("after");
  Page page(read_most(fields));
  fields.finish();
  TRY(faults.result("the question is not understood"));
  const Candidates all = ledger.candidates();
  std::int64_t alive = 0;
  bool goes_on = true;
  for (const NodeFacts* facts : all) {
    alive += facts->liveness == Liveness::alive ? 1 : 0;
    if (facts->name > after && goes_on) {
      goes_on = page.add(row_of(*facts, ledger, since));
    }
  }
  json::Object answer = page.take("nodes");
  answer.set("count", static_cast<std::int64_t>(all.size()));
  answer.set("alive", alive);
  return answer;
}

Result<json::Value> where(const Ledger& ledger, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("id");
  const std::string id = fields.string("id");
  fields.finish();
  TRY(faults.result("the question is not understood"));
  json::Array places;
  for (const Location& place : ledger.where(id)) {
    places.push_back(json::Object{{"node", place.node},
                                  {"kind", to_string(place.kind)},
                                  {"state", place.state},
                                  {"unreachable", place.unreachable}});
  }
  return json::Object{{"id", id}, {"places", std::move(places)}};
}

Result<json::Value> containers(const Ledger& ledger, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  std::pair<std::string, std::string> after;
  if (const json::Value* last = fields.any("after")) {
    after.first = last->at("node").string_or("");
    after.second = last->at("name").string_or("");
  }
  Page page(read_most(fields));
  fields.finish();
  TRY(faults.result("the question is not understood"));
  for (const NodeFacts* facts : ledger.candidates()) {
    std::vector<const ContainerFacts*> sorted;
    for (const ContainerFacts& container : facts->containers) {
      if (std::tie(facts->name, container.name) > std::tie(after.first, after.second)) {
        sorted.push_back(&container);
      }
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* one, const auto* other) { return one->name < other->name; });
    for (const ContainerFacts* container : sorted) {
      json::Object labels;
      for (const auto& [key, value] : container->labels) {
        labels.set(key, value);
      }
      if (!page.add(json::Object{{"node", facts->name},
                                 {"name", container->name},
                                 {"state", container->state},
                                 {"labels", std::move(labels)},
                                 {"unreachable", facts->liveness == Liveness::dead}})) {
        return page.take("containers");
      }
    }
  }
  return page.take("containers");
}

Result<json::Value> plan_of(const Ledger& ledger, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("job");
  PlacementQuestion question;
  question.job = fields.string("job");
  const std::string to = fields.string("to", "any");
  const json::Value* needs = fields.any("needs");
  fields.finish();
  TRY(faults.result("the question is not understood"));
  if (needs != nullptr) {
    question.needs = TRY(read_job_needs(*needs));
  }
  const Target target = TRY(Target::parse(to));
  Candidates fitting;
  for (const NodeFacts* facts : ledger.candidates()) {
    if (target.fits(facts->name, facts->labels)) {
      fitting.push_back(facts);
    }
  }
  Plan whole = plan(question, fitting);
  const auto unfit = std::find_if(whole.nodes.begin(), whole.nodes.end(),
                                  [](const PlannedNode& node) { return !node.fits; });
  const auto count = static_cast<std::size_t>(whole.nodes.end() - unfit);
  const std::size_t more = count > kMostUnfit ? count - kMostUnfit : 0;
  whole.nodes.resize(whole.nodes.size() - more);
  json::Value value = to_json(whole);
  json::Object answer = *value.object();
  if (more > 0) {
    answer.set("more", static_cast<std::int64_t>(more));
  }
  return answer;
}

Result<json::Value> forget(Ledger& ledger, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("node");
  const std::string node = fields.string("node");
  fields.finish();
  TRY(faults.result("the order is not understood"));
  TRY(ledger.forget(node));
  return json::Object();
}

}  // namespace

Result<KeyRole> role_for_own(std::string_view kind) {
  for (const auto& [name, role] : kKinds) {
    if (name == kind) {
      return role;
    }
  }
  return fail(Code::invalid, "there is no kind \"{}\"", kind);
}

Result<json::Value> answer_own(Ledger& ledger, const Since& since, std::string_view kind,
                               const json::Value& body) {
  if (kind == "dispatch.nodes") {
    return nodes(ledger, since, body);
  }
  if (kind == "dispatch.where") {
    return where(ledger, body);
  }
  if (kind == "dispatch.containers") {
    return containers(ledger, body);
  }
  if (kind == "dispatch.plan") {
    return plan_of(ledger, body);
  }
  return forget(ledger, body);
}

}  // namespace drover::dispatch
