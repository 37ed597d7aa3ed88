// What a fake dispatcher answers by itself: dispatch.*.
#include <fmt/format.h>

#include "fakes/fake_dispatcher.h"
#include "messaging/message.h"

namespace drover::fakes {

void FakeDispatcher::handle_own(const Request& request) {
  const Result<json::Value> body = json::parse(request.body);
  const Result<json::Value> result =
      body ? own_answer(request.header.kind, *body) : Result<json::Value>(Failure(body.error()));
  if (result) {
    answer(request, "answer", json::write(*result));
  } else {
    refuse(request, result.error());
  }
}

json::Array FakeDispatcher::nodes_view() const {
  json::Array views;
  for (const auto& [name, facts] : state_.facts) {
    json::Object labels;
    for (const auto& [key, value] : facts.labels) {
      labels.set(key, value);
    }
    views.emplace_back(json::Object{{"name", name},
                                    {"liveness", state_.dead.contains(name) ? "dead" : "alive"},
                                    {"labels", std::move(labels)},
                                    {"total", dispatch::to_json(facts.total)},
                                    {"reserved", dispatch::to_json(facts.reserved)},
                                    {"drained", facts.drained},
                                    {"quorate", json::Value()},
                                    {"containers", 0},
                                    {"jobs", 0}});
  }
  return views;
}

json::Array FakeDispatcher::places_of(const std::string& id) {
  json::Array places;
  for (const auto& [name, node] : nodes_) {
    node->call([&, name = name](FakeState& state, FakeNode::Faults&) {
      const bool is_dead = state_.dead.contains(name);
      if (const auto found = state.containers.find(id); found != state.containers.end()) {
        places.emplace_back(json::Object{{"node", name},
                                         {"kind", "container"},
                                         {"state", to_string(found->second.status)},
                                         {"unreachable", is_dead}});
      }
      if (const auto found = state.jobs.find(id); found != state.jobs.end()) {
        places.emplace_back(json::Object{{"node", name},
                                         {"kind", "job"},
                                         {"state", to_string(found->second.state)},
                                         {"unreachable", is_dead}});
      }
    });
  }
  return places;
}

json::Array FakeDispatcher::containers_view() {
  json::Array views;
  for (const auto& [name, node] : nodes_) {
    node->call([&, name = name](FakeState& state, FakeNode::Faults&) {
      for (const auto& [own, container] : state.containers) {
        views.emplace_back(json::Object{{"node", name},
                                        {"name", own},
                                        {"state", to_string(container.status)},
                                        {"labels", json::Object()},
                                        {"unreachable", state_.dead.contains(name)}});
      }
    });
  }
  return views;
}

Result<json::Value> FakeDispatcher::plan_of(const json::Value& body) {
  dispatch::PlacementQuestion question{std::string(body.at("job").string_or("")), {}, {}};
  question.needs = TRY(dispatch::read_job_needs(body.at("needs")));
  return dispatch::to_json(dispatch::plan(question, candidates()));
}

Result<json::Value> FakeDispatcher::own_answer(const std::string& kind, const json::Value& body) {
  const std::string id(body.at("id").string_or(""));
  if (kind == "dispatch.nodes") {
    // One a page, so that whoever wants all must ask for them.
    json::Array page;
    const json::Array all = nodes_view();
    for (const json::Value& node : all) {
      if (page.empty() && node.at("name").string_or("") > body.at("after").string_or("")) {
        page.push_back(node);
      }
    }
    const bool whole = page.empty() || page.back() == all.back();
    return json::Value(json::Object{{"nodes", std::move(page)}, {"whole", whole}});
  }
  if (kind == "dispatch.where") {
    return json::Value(json::Object{{"id", id}, {"places", places_of(id)}});
  }
  if (kind == "dispatch.containers") {
    return json::Value(json::Object{{"containers", containers_view()}, {"whole", true}});
  }
  if (kind == "dispatch.plan") {
    return plan_of(body);
  }
  if (kind == "dispatch.drain") {
    state_.facts[std::string(body.at("node").string_or(""))].drained = true;
    // It moves its one container while somebody asks.
    const bool done = state_.counts[kind] > 1;
    json::Object move{{"container", "web-1"},
                      {"state", done ? "moved" : "starting"},
                      {"to", "pve2"},
                      {"why", ""}};
    return json::Value(json::Object{{"node", body.at("node")},
                                    {"drained", true},
                                    {"moves", json::Array{std::move(move)}},
                                    {"done", done}});
  }
  return batch_answer(kind, body);
}

/// A job's end is known at once: what acts it out does it when it is handed over.
void FakeDispatcher::drive(dispatch::Batch& batch) {
  for (auto items = batch.start_next(0); !items.empty(); items = batch.start_next(0)) {
    for (const dispatch::BatchItem& item : items) {
      const std::string node = item.node.empty() ? nodes_.begin()->first : item.node;
      Result<json::Value> job = json::Value();
      nodes_.at(node)->call([&](FakeState& state, FakeNode::Faults&) {
        job = state.submit(state_.batch_jobs[item.job]);
      });
      batch.accepted(item.job, node);
      if (job && job->at("error").object() == nullptr) {
        batch.succeeded(item.job, 0);
      } else {
        batch.failed(item.job,
                     job ? job->at("error").at("message").string_or("")
                         : std::string_view(job.error().message),
                     0);
      }
    }
  }
}

Result<json::Value> FakeDispatcher::batch_answer(const std::string& kind, const json::Value& body) {
  if (kind == "dispatch.batches") {
    json::Array all;
    for (const auto& [id, batch] : state_.batches) {
      all.push_back(to_json(batch.progress()));
    }
    return json::Value(json::Object{{"batches", std::move(all)}});
  }
  std::string id(body.at("id").string_or(""));
  if (kind == "dispatch.batch") {
    dispatch::BatchOrder order = TRY(dispatch::read_batch_order(body.at("order")));
    id = order.id;
    for (std::size_t i = 0; i < order.items.size(); ++i) {
      state_.batch_jobs[order.items[i].job] = body.at("jobs").array()->at(i);
    }
    drive(state_.batches.try_emplace(id, std::move(order)).first->second);
  }
  const auto found = state_.batches.find(id);
  if (found == state_.batches.end()) {
    return fail(Code::not_found, "there is no batch {}", id);
  }
  dispatch::Batch& batch = found->second;
  if (kind == "dispatch.batch.pause") {
    TRY(batch.pause());
  } else if (kind == "dispatch.batch.resume") {
    TRY(batch.resume());
    drive(batch);
  } else if (kind == "dispatch.batch.approve") {
    TRY(batch.approve());
    drive(batch);
  } else if (kind == "dispatch.batch.abort") {
    TRY(batch.abort(0));
  }
  json::Object answer{{"batch", to_json(batch.progress())}};
  if (kind == "dispatch.batch.show") {
    // One a part.
    json::Array items;
    const std::string after(body.at("after").string_or(""));
    bool begun = after.empty();
    bool whole = true;
    for (std::size_t i = 0; i < batch.order().items.size(); ++i) {
      const std::string& job = batch.order().items[i].job;
      whole = items.empty();
      if (!begun || !items.empty()) {
        begun = begun || job == after;
        continue;
      }
      items.emplace_back(json::Object{{"job", batch.order().items[i].job},
                                      {"node", batch.order().items[i].node},
                                      {"state", to_string(batch.state_of(i))},
                                      {"message", ""}});
    }
    answer.set("whole", whole);
    answer.set("items", std::move(items));
  }
  return json::Value(std::move(answer));
}

}  // namespace drover::fakes
