#include "messaging/client/client.h"

#include "messaging/client/bus.h"
#include "messaging/client/channel.h"
#include "messaging/client/exchange.h"

namespace drover::messaging {

Client::Client(std::shared_ptr<Bus> bus, ClientOptions options)
    : bus_(std::move(bus)), options_(options) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<Client> Client::open(system::Path bus, ClientOptions options) {
  return open(NodeEndpoint(std::move(bus)), options);
}

Result<Client> Client::open(NodeEndpoint endpoint, ClientOptions options) {
  return Client(TRY(Bus::open(std::move(endpoint))), options);
}

Result<Channel*> Client::channel_for(std::string_view kind) {
  const bool is_query = kind.starts_with("query.") && !is_cluster();
  std::unique_ptr<Channel>& channel = is_query ? queries_ : jobs_;
  if (channel == nullptr) {
    Channel opened = TRY(Channel::open(bus_, is_query ? "query.sock" : "jobs.sock"));
    channel = std::make_unique<Channel>(std::move(opened));
  }
  return channel.get();
}

Result<Answer> Client::request(std::string_view kind, const json::Value& body,
                               system::Instant until, const system::Stop& stop) {
  if (is_cluster()) {
    return ask_cluster(kind, members_for(kind), json::write(body), until, stop, nullptr);
  }
  Channel* channel = TRY(channel_for(kind));
  return Exchange(*channel, *bus_, options_, kind, ++last_rq_, json::write(body)).run(until, stop);
}

Result<json::Value> Client::query(std::string_view kind, const json::Value& body,
                                  const system::Stop& stop) {
  Answer answer = TRY(request(kind, body, in(options_.query_timeout), stop));
  if (answer.kind != "answer" || answer.body.object() == nullptr) {
    return fail(Code::broken, "{}: the node answered with {} of kind \"{}\"", kind,
                answer.body.type_name(), answer.kind);
  }
  return std::move(answer.body);
}

Result<json::Value> Client::submit(const JobRequest& job, system::Instant until,
                                   const system::Stop& stop) {
  Answer answer = TRY(is_cluster() ? ask_cluster("job.submit", members_for(job),
                                                 json::write(to_json(job)), until, stop, nullptr)
                                   : request("job.submit", to_json(job), until, stop));
  if (answer.kind != "job.accepted" || answer.body.at("id").string_or("") != job.id.str()) {
    return fail(Code::broken, "job {}: the node answered with kind \"{}\" for id \"{}\"",
                job.id.str(), answer.kind, answer.body.at("id").string_or(""));
  }
  if (!answer.node.empty()) {
    answer.body.object()->set("node", answer.node);
  }
  return std::move(answer.body);
}

Result<json::Value> Client::node(const system::Stop& stop) {
  return query("query.node", json::Object(), stop);
}
Result<json::Value> Client::all(const std::string& things, const system::Stop& stop) {
  return pages(things, "name", stop);
}
Result<json::Value> Client::pages(const std::string& things, std::string_view key,
                                  const system::Stop& stop, std::string_view family) {
  const std::string kind = std::string(family) + things;
  json::Value first = TRY(query(kind, json::Object(), stop));
  return rest_of_pages(kind, key, std::move(first), stop);
}

Result<json::Value> Client::rest_of_pages(const std::string& kind, std::string_view key,
                                          json::Value first, const system::Stop& stop) {
  const std::string things = kind.substr(kind.find('.') + 1);
  bool whole = first.at("whole").boolean_or(true);
  while (!whole) {
    json::Value* list = first.object()->find(things);
    if (list == nullptr || list->array() == nullptr || list->array()->empty()) {
      return fail(Code::broken, "{}: the node's answer is a part with no {}", kind, things);
    }
    const std::string last(list->array()->back().at(key).string_or(""));
    json::Value next = TRY(query(kind, json::Object{{"after", last}}, stop));
    if (next.at("epoch") != first.at("epoch")) {
      return fail(Code::unavailable, "{}: the node's journal was made anew while it was read",
                  kind);
    }
    json::Value* more = next.object()->find(things);
    if (more == nullptr || more->array() == nullptr || more->array()->empty() ||
        more->array()->front().at(key).string_or("") <= last) {
      return fail(Code::broken, "{}: the node's answer does not go on behind {}", kind, last);
    }
    std::move(more->array()->begin(), more->array()->end(), std::back_inserter(*list->array()));
    whole = next.at("whole").boolean_or(true);
  }
  first.object()->erase("whole");
  return first;
}

Result<json::Value> Client::containers(const system::Stop& stop) {
  return all("containers", stop);
}
Result<json::Value> Client::container(std::string_view name, const system::Stop& stop) {
  return query("query.container", json::Object{{"name", name}}, stop);
}
Result<json::Value> Client::container_or_deleted(std::string_view name, const system::Stop& stop) {
  return query("query.container", json::Object{{"name", name}, {"deleted", true}}, stop);
}
Result<json::Value> Client::explain(std::string_view name, const system::Stop& stop) {
  return query("query.explain", json::Object{{"name", name}}, stop);
}
Result<json::Value> Client::leaks(const system::Stop& stop) {
  json::Value answer = TRY(pages("leaks", "id", stop));
  json::Value* leaks = answer.object()->find("leaks");
  if (leaks == nullptr || leaks->array() == nullptr) {
    return fail(Code::broken, "query.leaks: the node's answer has no list of leaks");
  }
  return std::move(*leaks);
}
Result<json::Value> Client::job(std::string_view id, const system::Stop& stop) {
  return query("query.job", json::Object{{"id", id}}, stop);
}

Result<json::Value> Client::jobs(std::int64_t most, const system::Stop& stop) {
  json::Value answer = TRY(query("query.jobs", json::Object{{"most", most}}, stop));
  json::Value* jobs = answer.object()->find("jobs");
  if (jobs == nullptr || jobs->array() == nullptr) {
    return fail(Code::broken, "query.jobs: the node's answer has no list of jobs");
  }
  return std::move(*jobs);
}

Result<EventPage> Client::events(const EventPosition& after, std::int64_t most,
                                 const system::Stop& stop, const EventFilter& filter) {
  json::Object question{{"after", after.seq}, {"epoch", after.epoch}, {"most", most}};
  if (!filter.takes_all()) {
    question.set("kinds", json::Array(filter.kinds.begin(), filter.kinds.end()));
    question.set("object", filter.object);
  }
  const json::Value answer = TRY(query("query.events", question, stop));
  const json::Array* events = answer.at("events").array();
  const std::int64_t head = answer.at("head").integer_or(-1);
  const std::int64_t through = answer.at("through").integer_or(-1);
  if (events == nullptr || head < 0 || through < 0 || answer.at("epoch").string() == nullptr) {
    return fail(Code::broken,
                "query.events: the node's answer has no epoch, head, through and events");
  }
  const json::Object* kinds = answer.at("kinds").object();
  EventPage page{*answer.at("epoch").string(),
                 static_cast<std::uint64_t>(head),
                 static_cast<std::uint64_t>(answer.at("oldest").integer_or(1)),
                 static_cast<std::uint64_t>(through),
                 kinds == nullptr ? json::Object() : *kinds,
                 {}};
  for (const json::Value& value : *events) {
    page.events.push_back(TRY(event_from_cloud(value).context("query.events")));
  }
  return page;
}

system::Instant Client::in(std::chrono::milliseconds time) const {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace drover::messaging
