// What a fake node does with images, volumes, networks and itself.
#include "fakes/fake_state.h"

namespace drover::fakes {
namespace {

constexpr std::int64_t kSince = 1'800'000'000'000;

/// What a job that makes the thing makes of it.
json::Object made_of(const JobRequest& request, TargetKind kind) {
  json::Object thing{{"name", request.target}, {"job", request.id.str()}};
  switch (kind) {
    case TargetKind::image:
      thing.set("digest", "sha256:" + std::string(64, 'a'));
      thing.set("bytes", 4'500'000);
      thing.set("since", kSince);
      break;
    case TargetKind::network:
      thing.set("state", "up");
      thing.set("address", request.options.address);
      thing.set("vlan_aware", request.options.vlan_aware);
      thing.set("zone", request.options.zone);
      thing.set("tag", request.options.tag);
      thing.set("created_at", kSince);
      break;
    case TargetKind::volume:
      thing.set("storage",
                request.options.storage.empty() ? "local-folder" : request.options.storage);
      thing.set("size_mib", request.options.size_mib);
      thing.set("origin", "");
      thing.set("created_at", kSince);
      break;
    default:
      break;
  }
  thing.set("containers", json::Array{});
  return thing;
}

}  // namespace

Result<json::Value> FakeState::act_on_thing(FakeJob& job, TargetKind kind) {
  const std::string& name = job.request.target;
  auto& all = things[std::string(to_string(kind)) + "s"];
  const auto found = all.find(name);
  switch (job.request.verb) {
    case Verb::image_pull:
    case Verb::volume_create:
    case Verb::network_ensure:
      if (kind == TargetKind::network && name == "vmbr0") {
        return json::Value(json::Object{{"network", name}, {"own", false}});
      }
      all.insert_or_assign(name, made_of(job.request, kind));
      return json::Value(json::Object());
    default:
      break;
  }
  if (found == all.end()) {
    return fail(Code::not_found, "node fake has no {} {}", to_string(kind), name);
  }
  if (job.request.verb == Verb::volume_resize) {
    found->second.set("size_mib", job.request.options.size_mib);
    return json::Value(json::Object());
  }
  if (job.request.verb == Verb::volume_snapshot) {
    json::Object copy = found->second;
    copy.set("name", job.request.options.snapshot);
    copy.set("origin", name);
    all.insert_or_assign(job.request.options.snapshot, std::move(copy));
    return json::Value(json::Object());
  }
  if (const json::Value users = found->second.find("containers") == nullptr
                                    ? json::Value()
                                    : *found->second.find("containers");
      users.array() != nullptr && !users.array()->empty()) {
    return fail(Code::conflict, "{} {} is in use by {}", to_string(kind), name,
                users.array()->front().string_or(""));
  }
  all.erase(found);
  return json::Value(json::Object());
}

Result<json::Value> FakeState::act_on_node(const JobRequest& request) {
  drained_since = request.verb != Verb::node_drain ? 0
                  : drained_since != 0             ? drained_since
                                                   : kSince;
  json::Array stopping;
  for (const auto& [name, container] : containers) {
    if (request.options.stop_containers && container.status == Status::running) {
      const JobRequest stop{
          JobId::parse("stop-" + name).value(), Verb::container_stop, name, {}, {}, 0};
      jobs.emplace(stop.id.str(), FakeJob{stop, JobState::succeeded, {}, {}, {}});
      job_order_.push_back(stop.id.str());
      stopping.emplace_back(json::Object{{"container", name}, {"job", stop.id.str()}});
    }
  }
  for (const json::Value& stop : stopping) {
    finish(std::string(stop.at("container").string_or("")), 143);
  }
  return json::Value(json::Object{{"stopping", std::move(stopping)}});
}

}  // namespace drover::fakes
