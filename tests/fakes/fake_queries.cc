// What a fake node answers to queries.
#include "fakes/fake_state.h"

namespace drover::fakes {

json::Object FakeState::kind_counts() const {
  json::Object counts;
  for (const Event& event : events) {
    counts.set(event.kind, event.kseq);
  }
  return counts;
}

json::Value FakeState::events_behind(const json::Value& body) const {
  const auto most = static_cast<std::size_t>(body.at("most").integer_or(500));
  EventFilter filter{{}, std::string(body.at("object").string_or(""))};
  if (const json::Array* kinds = body.at("kinds").array()) {
    for (const json::Value& kind : *kinds) {
      filter.kinds.emplace_back(kind.string_or(""));
    }
  }
  json::Array page;
  const std::string_view asked = body.at("epoch").string_or("");
  auto through = static_cast<std::size_t>(body.at("after").integer_or(0));
  while ((asked.empty() || asked == epoch) && through < events.size() && page.size() < most) {
    const Event& event = events[through++];
    if (filter.takes(event.kind, event.object)) {
      page.push_back(to_cloud_event(event, node));
    }
  }
  return json::Object{{"epoch", epoch},
                      {"head", static_cast<std::uint64_t>(events.size())},
                      {"oldest", std::uint64_t{1}},
                      {"through", static_cast<std::uint64_t>(through)},
                      {"kinds", kind_counts()},
                      {"events", std::move(page)}};
}

Result<json::Value> FakeState::query(std::string_view kind, const json::Value& body) {
  if (kind == "query.containers") {
    json::Array views;
    auto next = containers.upper_bound(std::string(body.at("after").string_or("")));
    for (; next != containers.end() && views.size() < most_elements; ++next) {
      views.emplace_back(container_view(next->first, next->second));
    }
    return json::Value(json::Object{{"node", node},
                                    {"epoch", epoch},
                                    {"seq", static_cast<std::uint64_t>(events.size())},
                                    {"whole", next == containers.end()},
                                    {"containers", std::move(views)}});
  }
  if (kind == "query.images" || kind == "query.volumes" || kind == "query.networks" ||
      kind == "query.links" || kind == "query.storages" || kind == "query.leaks") {
    const std::string which(kind.substr(kind.find('.') + 1));
    const std::map<std::string, json::Object>& all = things[which];
    json::Array views;
    auto next = all.upper_bound(std::string(body.at("after").string_or("")));
    for (; next != all.end() && views.size() < most_elements; ++next) {
      views.emplace_back(next->second);
    }
    return json::Value(
        json::Object{{"epoch", epoch}, {"whole", next == all.end()}, {which, std::move(views)}});
  }
  const std::string name(body.at("name").string_or(""));
  if (kind == "query.container") {
    const auto found = containers.find(name);
    if (found == containers.end()) {
      return fail(Code::not_found, "node {} has no container {}", node, name);
    }
    json::Object view = container_view(name, found->second);
    view.set("spec", found->second.spec);
    return json::Value(std::move(view));
  }
  if (kind == "query.stats") {
    return stats(name);
  }
  if (kind == "query.jobs") {
    json::Array views;
    for (auto id = job_order_.rbegin(); id != job_order_.rend(); ++id) {
      views.emplace_back(job_view(jobs.at(*id)));
    }
    return json::Value(json::Object{{"jobs", std::move(views)}});
  }
  if (kind == "query.job") {
    const auto found = jobs.find(std::string(body.at("id").string_or("")));
    if (found == jobs.end()) {
      return fail(Code::not_found, "node {} knows no job {}", node, body.at("id").string_or(""));
    }
    json::Object view = job_view(found->second);
    view.set("steps", found->second.steps);
    return json::Value(std::move(view));
  }
  if (kind == "query.events") {
    return events_behind(body);
  }
  if (kind == "query.explain") {
    return explain(name, body);
  }
  if (kind == "query.node") {
    return json::Value(json::Object{
        {"node", node},
        {"epoch", epoch},
        {"seq", static_cast<std::uint64_t>(events.size())},
        {"version", "0.1.0"},
        {"drained", drained_since == 0 ? json::Value() : json::Object{{"since", drained_since}}},
        {"runtimes", json::Array{"crun", "runc"}},
        {"jobs", json::Object{{"waiting", waiting_jobs}, {"running", 1}}},
        {"containers", static_cast<std::int64_t>(containers.size())}});
  }
  return fail(Code::invalid, "there is no query of kind {}", kind);
}

/// lxc takes no secrets here, and runc any spec.
Result<json::Value> FakeState::explain(const std::string& name, const json::Value& body) {
  json::Object answer{{"name", name},
                      {"runtime", "runc"},
                      {"rule", json::Object{{"index", 2}, {"pattern", "*-db"}}},
                      {"program", "/usr/sbin/runc"}};
  if (const json::Value* spec = body.find("spec")) {
    if (spec->find("runtime") != nullptr) {
      answer.set("runtime", spec->at("runtime"));
      answer.set("rule", "spec");
    }
    json::Object runc{{"runtime", "runc"}, {"accepted", true}, {"refusals", json::Array()}};
    if (body.at("config_of").string_or("") == "runc") {
      runc.set("config", json::Object{{"form", "config.json"},
                                      {"content", json::Object{{"ociVersion", "1.0.2"}}}});
    }
    json::Array refusals;
    if (spec->find("secrets") != nullptr) {
      refusals.emplace_back(json::Object{{"pointer", "/spec/secrets"},
                                         {"code", "refused"},
                                         {"message", "lxc, secrets: it has none"}});
    }
    const bool accepted = refusals.empty();
    json::Object lxc{{"runtime", "lxc"}, {"accepted", accepted}, {"refusals", std::move(refusals)}};
    if (accepted) {
      lxc.set("no_checkpoints", "it restores none");
    }
    answer.set("runtimes", json::Array{std::move(runc), std::move(lxc)});
  }
  return json::Value(std::move(answer));
}

/// Each time a second later, of which each container has used a quarter.
Result<json::Value> FakeState::stats(const std::string& name) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  if (!name.empty() && !containers.contains(name)) {
    return fail(Code::not_found, "node {} has no container {}", node, name);
  }
  now_ns_ += kSecond;
  json::Array views;
  for (const auto& [own, container] : containers) {
    if (!name.empty() && own != name) {
      continue;
    }
    json::Object view{{"name", own},
                      {"runtime", container.runtime},
                      {"status", to_string(container.status)},
                      {"at_ns", now_ns_}};
    if (container.status == Status::running) {
      view.set("cpu", json::Object{{"usage_ns", now_ns_ / 4}, {"throttled_ns", 1'500'000}});
      view.set("memory", json::Object{{"working_set_bytes", 3 << 20}, {"limit_bytes", 64 << 20}});
      view.set("swap", json::Object());
      view.set("pids", json::Object{{"current", 2}});
      view.set("io", json::Object{{"read_bytes", 512}, {"write_bytes", 0}});
      view.set(
          "networks",
          json::Array{json::Object{{"interface", "eth0"}, {"rx_bytes", 4096}, {"tx_bytes", 1}},
                      json::Object{{"interface", "eth1"}, {"rx_bytes", 4096}, {"tx_bytes", 1}}});
    }
    views.emplace_back(std::move(view));
  }
  return json::Value(json::Object{{"epoch", epoch}, {"whole", true}, {"stats", std::move(views)}});
}

}  // namespace drover::fakes
