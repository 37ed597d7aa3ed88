#include "messaging/dispatch/daemon/requests.h"

#include <algorithm>
#include <utility>

namespace drover::dispatch {
namespace {

/// A job is on its way for so long; then its client, which has asked again since, begins anew.
constexpr std::chrono::seconds kPlacingTakes{60};

messaging::Envelope envelope_of(const Asker& asker) {
  return {asker.client, asker.name, asker.role};
}

/// As a node is told it: without what is the dispatcher's.
std::string header_for_node(const messaging::Header& header) {
  json::Object more = header.all;
  for (const char* not_its : {"v", "kind", "rq", "to", "needs"}) {
    more.erase(not_its);
  }
  return messaging::write_header(header.kind, header.rq, more);
}

std::string_view text_member(const json::Object& object, std::string_view key) {
  const json::Value* found = object.find(key);
  return found == nullptr ? std::string_view() : found->string_or("");
}

bool is_query(std::string_view kind) {
  return kind.starts_with("query.");
}

/// Another node may have what this one lacks.
bool another_may(const Error& error) {
  return error.code == Code::refused || error.code == Code::unavailable;
}

std::string reasons(const std::map<std::string, std::string>& refusals) {
  std::string text;
  for (const auto& [node, message] : refusals) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", node, message);
  }
  return text;
}

/// What an error may hold of the nodes that were not even asked.
constexpr std::size_t kReasonsTold = 5;

Error no_node(const PlacementQuestion& question, const Candidates& candidates) {
  std::map<std::string, std::string> why = question.refusals;
  std::size_t more = 0;
  for (const PlannedNode& node : plan(question, candidates).nodes) {
    if (!node.fits && !why.contains(node.node)) {
      if (why.size() < question.refusals.size() + kReasonsTold) {
        why.emplace(node.node, node.why_not.empty() ? "" : node.why_not.front());
      } else {
        ++more;
      }
    }
  }
  return Error{Code::unavailable,
               candidates.empty()
                   ? std::string("no node for it: no agent is connected to this dispatcher")
                   : fmt::format("no node for it: {}{}; `drover plan` tells more", reasons(why),
                                 more == 0 ? "" : fmt::format("; and {} more", more)),
               {}};
}

}  // namespace

Result<> check_alive(const Ledger& ledger, const std::string& node) {
  const NodeFacts* facts = ledger.facts(node);
  if (facts == nullptr) {
    return fail(Code::not_found, "this dispatcher knows no node {}: `drover nodes` lists them",
                node);
  }
  if (facts->liveness != Liveness::alive) {
    return fail(Code::unavailable, "node {} is {}: its agent is not heard of", node,
                to_string(facts->liveness));
  }
  return {};
}

Result<> Requests::asked(const Asker& asker, const messaging::Header& header, std::string body,
                         std::string data, Moment now) {
  std::string_view to = text_member(header.all, "to");
  if (to.empty()) {
    if (!is_query(header.kind)) {
      return fail(Code::invalid,
                  "the header's \"to\" must say for which nodes this is: \"any\", \"all\", names, "
                  "patterns or labels");
    }
    to = "all";
  }
  const Target target = TRY(Target::parse(to));
  const bool is_job = header.kind == "job.submit";
  if (target.kind() == Target::Kind::any && is_job) {
    return place(asker, header, std::move(body), now);
  }
  if (target.kind() == Target::Kind::names && NodeName::parse(to)) {
    return ask_one(asker, header, std::string(to), std::move(body), std::move(data));
  }
  if (!is_job && !is_query(header.kind)) {
    return fail(Code::invalid, "\"{}\" is for one node by its name, not for \"{}\"", header.kind,
                to);
  }
  if (target.kind() == Target::Kind::any) {
    return fail(Code::invalid, "a query is for nodes by name, pattern or labels, or for all");
  }
  return ask_several(asker, header, target, body, now);
}

Result<> Requests::ask_one(const Asker& asker, const messaging::Header& header,
                           const std::string& node, std::string body, std::string data) {
  TRY(check_alive(ledger_, node));
  if (!agents_.send(node, envelope_of(asker),
                    {header_for_node(header), std::move(body), std::move(data)})) {
    return fail(Code::unavailable, "the agent of node {} cannot be sent anything now", node);
  }
  return {};
}

Result<> Requests::ask_several(const Asker& asker, const messaging::Header& header,
                               const Target& target, const std::string& body, Moment now) {
  std::vector<std::string> names;
  json::Array fitting;
  std::set<std::string> nodes;
  for (const NodeFacts* facts : ledger_.candidates()) {
    names.push_back(facts->name);
    if (target.fits(facts->name, facts->labels)) {
      nodes.insert(facts->name);
      fitting.emplace_back(facts->name);
    }
  }
  json::Array unknown;
  for (const std::string& name : target.unknown(names)) {
    unknown.emplace_back(name);
  }
  const bool is_job = !is_query(header.kind);
  if (nodes.empty() && is_job) {
    return fail(Code::not_found, "no node fits \"{}\": `drover nodes` lists them", target.str());
  }
  post_.to_client(
      asker.client,
      {messaging::write_header(is_job ? "job.sent" : "query.sent", header.rq),
       json::write(json::Object{{"nodes", std::move(fitting)}, {"unknown", std::move(unknown)}})});
  Gathering gathering{{}, now + kNodeAnswersWithin};
  for (const std::string& node : nodes) {
    if (const Result<> asked = ask_one(asker, header, node, body, {}); asked) {
      gathering.nodes.insert(node);
    } else {
      tell(asker.client, header.rq, asked.error(), node);
    }
  }
  if (!gathering.nodes.empty()) {
    gatherings_.insert_or_assign({asker.client, header.rq}, std::move(gathering));
  }
  return {};
}

Result<> Requests::place(const Asker& asker, const messaging::Header& header, std::string body,
                         Moment now) {
  const json::Value job = TRY(json::parse(body).context("read the job"));
  const std::string id(job.at("id").string_or(""));
  if (const Result<JobId> checked = JobId::parse(id); !checked) {
    return fail(Code::invalid, "/id: {}", checked.error().message);
  }
  for (const Location& place : ledger_.where(id)) {
    if (place.kind == ThingKind::job) {
      // It is there, or may be.
      return ask_one(asker, header, place.node, std::move(body), {});
    }
  }
  JobNeeds needs;
  if (const json::Value* found = header.all.find("needs")) {
    needs = TRY(read_job_needs(*found));
  }
  if (placing_bytes_ + body.size() > kMostPlacingBytes) {
    return fail(Code::unavailable, "jobs of {} MiB wait for a node already",
                kMostPlacingBytes >> 20);
  }
  const Key key{asker.client, header.rq};
  if (const auto before = placings_.find(key); before != placings_.end()) {
    forget(before);
  }
  placing_bytes_ += body.size();
  const auto placing =
      placings_
          .emplace(key,
                   Placing{asker, header, std::move(body), {id, std::move(needs), {}}, {}, now})
          .first;
  if (const Result<> tried = try_next(placing->second); !tried) {
    forget(placing);
    return tried;
  }
  return {};
}

Result<> Requests::try_next(Placing& placing) {
  const Candidates candidates = ledger_.candidates();
  while (placing.question.refusals.size() < kMostAttempts) {
    const NodeFacts* chosen = choose(placing.question, candidates);
    if (chosen == nullptr) {
      break;
    }
    placing.node = chosen->name;
    const Result<> asked = ask_one(placing.asker, placing.header, placing.node, placing.body, {});
    if (asked) {
      ledger_.sent(placing.node, placing.question.job, placing.question.needs.capacity);
      return {};
    }
    placing.question.refusals.emplace(placing.node, asked.error().message);
  }
  return Failure(no_node(placing.question, candidates));
}

void Requests::forget(std::map<Key, Placing>::iterator placing) {
  placing_bytes_ -= placing->second.body.size();
  placings_.erase(placing);
}

void Requests::refused(std::map<Key, Placing>::iterator placing, const Error& error) {
  Placing& one = placing->second;
  ledger_.unsent(one.node, one.question.job);
  one.question.refusals.emplace(one.node, error.message);
  if (const Result<> next = try_next(one); !next) {
    tell(one.asker.client, one.header.rq, next.error());
    forget(placing);
  }
}

void Requests::answered(const std::string& node, std::uint64_t client,
                        const messaging::Header& header, std::string body, std::string data) {
  const Key key{client, header.rq};
  if (const auto placing = placings_.find(key);
      placing != placings_.end() && placing->second.node == node) {
    if (header.kind == "error") {
      const Error error = messaging::read_error(body);
      if (another_may(error)) {
        refused(placing, error);
        return;
      }
      ledger_.unsent(node, placing->second.question.job);
    }
    forget(placing);
  }
  if (const auto gathering = gatherings_.find(key); gathering != gatherings_.end()) {
    gathering->second.nodes.erase(node);
    if (gathering->second.nodes.empty()) {
      gatherings_.erase(gathering);
    }
  }
  json::Object more = header.all;
  for (const char* said : {"v", "kind", "rq"}) {
    more.erase(said);
  }
  more.set("node", node);
  post_.to_client(client, {messaging::write_header(header.kind, header.rq, more), std::move(body),
                           std::move(data)});
}

void Requests::dead(const std::string& node) {
  const Error error{Code::unavailable,
                    fmt::format("node {} is dead: it may have taken the job or "
                                "not; the same id asks again",
                                node),
                    {}};
  for (auto at = placings_.begin(); at != placings_.end();) {
    const auto placing = at++;
    if (placing->second.node == node) {
      tell(placing->first.first, placing->first.second, error, node);
      forget(placing);
    }
  }
  for (auto at = gatherings_.begin(); at != gatherings_.end();) {
    const auto gathering = at++;
    if (gathering->second.nodes.erase(node) > 0) {
      tell(gathering->first.first, gathering->first.second, error, node);
    }
    if (gathering->second.nodes.empty()) {
      gatherings_.erase(gathering);
    }
  }
}

void Requests::tick(Moment now) {
  for (auto at = placings_.begin(); at != placings_.end();) {
    const auto placing = at++;
    if (now - placing->second.began > kPlacingTakes) {
      forget(placing);
    }
  }
  for (auto at = gatherings_.begin(); at != gatherings_.end();) {
    const auto gathering = at++;
    if (now < gathering->second.until) {
      continue;
    }
    for (const std::string& node : gathering->second.nodes) {
      tell(gathering->first.first, gathering->first.second,
           {Code::unavailable,
            fmt::format("node {} has not answered within {} s", node, kNodeAnswersWithin.count()),
            {}},
           node);
    }
    gatherings_.erase(gathering);
  }
}

void Requests::gone(std::uint64_t client) {
  for (auto at = placings_.lower_bound({client, 0});
       at != placings_.end() && at->first.first == client;) {
    forget(at++);
  }
  std::erase_if(gatherings_, [client](const auto& one) { return one.first.first == client; });
}

void Requests::tell(std::uint64_t client, std::uint64_t rq, const Error& error,
                    const std::string& node) {
  json::Object more;
  if (!node.empty()) {
    more.set("node", node);
  }
  post_.to_client(client,
                  {messaging::write_header("error", rq, more), messaging::write_error(error)});
}

}  // namespace drover::dispatch
