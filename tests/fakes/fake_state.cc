#include "fakes/fake_state.h"

#include <algorithm>
#include <charconv>

namespace drover::fakes {
namespace {

constexpr std::int64_t kTime = 1'800'000'000'000;

struct Played {
  std::string log;
  std::optional<int> code = 0;  // none: goes on running
  bool stuck = false;
  bool reads = false;
};

/// What a script does (see the header).
Played play(const std::vector<std::string>& command) {
  Played played;
  std::string rest = command.empty() ? "" : command.back();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    std::string word = rest.substr(0, end);
    rest.erase(0, end + 1);
    word.erase(0, std::min(word.find_first_not_of(' '), word.size()));
    const std::size_t space = std::min(word.find(' '), word.size());
    const std::string verb = word.substr(0, space);
    const std::string text = space < word.size() ? word.substr(space + 1) : "";
    if (verb == "echo" || verb == "warn") {
      played.log += fmt::format("2027-01-15T08:00:00.000000000Z {} F {}\n",
                                verb == "echo" ? "stdout" : "stderr", text);
    } else if (verb == "exit") {
      int code = 0;
      std::from_chars(text.data(), text.data() + text.size(), code);
      if (!played.reads) {
        played.code = code;  // else it comes behind what is read
      }
    } else if (verb == "sleep") {
      played.code.reset();
    } else if (verb == "stuck") {
      played.stuck = true;
    } else if (verb == "cat") {
      played.reads = true;
      played.code.reset();
    }
  }
  return played;
}

}  // namespace

void FakeState::tell(std::string kind, std::string object, std::string what, std::string job,
                     json::Object data) {
  Event event{.epoch = epoch,
              .seq = ++counters_["seq"],
              .kseq = ++counters_["kind " + kind],
              .oseq = ++counters_["object " + kind + " " + object],
              .at_unix_ms = kTime + static_cast<std::int64_t>(events.size()),
              .kind = std::move(kind),
              .object = std::move(object),
              .what = std::move(what),
              .job = std::move(job),
              .data = std::move(data)};
  events.push_back(event);
  publish_(event);
}

void FakeState::renew_epoch() {
  epoch += "+";
  events.clear();
  counters_.clear();
}

json::Object FakeState::job_view(const FakeJob& job) const {
  json::Object view{{"id", job.request.id.str()},
                    {"verb", to_string(job.request.verb)},
                    {"target", job.request.target},
                    {"state", to_string(job.state)},
                    {"sender", "local"},
                    {"created_at", kTime},
                    {"ended_at", is_final(job.state) ? kTime + 1500 : 0}};
  if (job.state == JobState::succeeded) {
    view.set("result", job.result);
  } else if (is_final(job.state)) {
    view.set("error", job.result);
  }
  return view;
}

json::Object FakeState::container_view(const std::string& name,
                                       const FakeContainer& container) const {
  return {{"name", name},
          {"runtime", container.runtime},
          {"status", to_string(container.status)},
          {"job", container.job},
          {"created_at", kTime},
          {"exit", container.exit ? to_json(*container.exit) : json::Value()},
          {"image", container.spec.at("image").string_or("")},
          {"labels", container.spec.at("labels")},
          {"restarts",
           json::Object{{"pending", container.restarting && container.status == Status::stopped}}},
          {"pid", container.status == Status::running ? 4711 : 0},
          {"vmid", 0},
          {"networks", json::Array{json::Object{{"interface", "eth0"},
                                                {"host_interface", "veth1"},
                                                {"bridge", "vmbr0"},
                                                {"address", "192.0.2.10/24"},
                                                {"gateway", "192.0.2.1"},
                                                {"mac", "02:00:00:00:00:01"}}}},
          {"volumes", json::Array{}}};
}

void FakeState::step(FakeJob& job, int number, const char* name, const char* subject, bool done) {
  const json::Object data{{"number", number}, {"of", 3}, {"name", name}, {"subject", subject}};
  tell("job", job.request.id.str(), "step_started", job.request.id.str(), data);
  job.steps.emplace_back(json::Object{{"number", number},
                                      {"name", name},
                                      {"subject", subject},
                                      {"state", done ? "done" : "intent"}});
  if (done) {
    tell("job", job.request.id.str(), "step_done", job.request.id.str(), data);
  }
}

void FakeState::set_status(const std::string& name, Status status, const std::string& job,
                           json::Object data) {
  containers.at(name).status = status;
  tell("container", name, std::string(to_string(status)), job, std::move(data));
}

void FakeState::end_job(FakeJob& job, const Result<json::Value>& outcome) {
  json::Object data;
  if (outcome) {
    job.state = JobState::succeeded;
    job.result = *outcome;
  } else {
    const Error& error = outcome.error();
    job.state = error.code == Code::cancelled ? JobState::cancelled : JobState::failed;
    job.result = json::Object{{"code", to_string(error.code)}, {"message", error.message}};
    data.set("error", job.result);
  }
  tell("job", job.request.id.str(), std::string(to_string(job.state)), job.request.id.str(),
       std::move(data));
}

Result<json::Value> FakeState::submit(const json::Value& body) {
  const JobRequest request = TRY(read_job(body));
  const std::string id = request.id.str();
  bool duplicate = true;
  auto found = jobs.find(id);
  if (found == jobs.end()) {
    duplicate = false;
    found = jobs.emplace(id, FakeJob{request, JobState::running, {}, {}, {}}).first;
    job_order_.push_back(id);
    tell("job", id, "accepted", id, {});
    tell("job", id, "started", id, {});
  } else if (to_json(found->second.request) != to_json(request)) {
    return fail(Code::conflict, "job {} was submitted with another content", id);
  }
  json::Object view = job_view(found->second);
  view.set("duplicate", duplicate);
  if (!duplicate) {
    run_job(found->second);
  }
  return json::Value(std::move(view));
}

void FakeState::run_job(FakeJob& job) {
  if (job.request.spec && play(job.request.spec->command).stuck) {
    step(job, 1, "volume.allocate", "data", false);
    return;
  }
  const Played inside = play(job.request.options.command);
  if (job.request.verb == Verb::container_exec && inside.reads &&
      containers.contains(job.request.target)) {
    job.log = inside.log;
    return;
  }
  end_job(job, act(job));
  // The program's own end comes after the job that started it.
  if (job.state == JobState::succeeded && job.request.verb == Verb::container_run) {
    if (const std::optional<int> code = play(job.request.spec->command).code) {
      finish(job.request.target, *code);
    }
  }
}

Result<json::Value> FakeState::act(FakeJob& job) {
  if (job.request.spec) {
    return make(job);
  }
  if (job.request.verb == Verb::job_cancel) {
    return cancel(job.request.target);
  }
  if (target_kind_of(job.request.verb) == TargetKind::node) {
    return act_on_node(job.request);
  }
  if (const TargetKind kind = target_kind_of(job.request.verb); kind != TargetKind::container) {
    return act_on_thing(job, kind);
  }
  const auto found = containers.find(job.request.target);
  if (found == containers.end()) {
    return fail(Code::not_found, "node fake has no container {}", job.request.target);
  }
  if (job.request.verb == Verb::container_exec) {
    return exec(job);
  }
  return change(job, found->second);
}

Result<json::Value> FakeState::make(FakeJob& job) {
  const std::string& name = job.request.target;
  if (containers.contains(name)) {
    return fail(Code::conflict, "create {}: there is a container of this name", name);
  }
  const std::string kind(to_string(job.request.spec->runtime.value_or(RuntimeKind::crun)));
  FakeContainer& made = containers[name];
  made = FakeContainer{kind,
                       Status::creating,
                       job.request.id.str(),
                       to_json(*job.request.spec),
                       play(job.request.spec->command).log,
                       std::nullopt,
                       false};
  set_status(name, Status::creating, made.job);
  step(job, 1, "volume.allocate", "data", true);
  step(job, 2, "network.attach", "eth0", true);
  step(job, 3, "runtime.start", "", true);
  set_status(name, Status::created, made.job);
  if (job.request.verb == Verb::container_run) {
    set_status(name, Status::running, made.job);
  }
  return json::Value(json::Object{{"name", name}, {"runtime", kind}});
}

Result<json::Value> FakeState::change(FakeJob& job, FakeContainer& container) {
  const std::string& name = job.request.target;
  const std::string id = job.request.id.str();
  const auto move = [&](Status from, Status to) -> Result<json::Value> {
    if (container.status != from) {
      return fail(Code::conflict, "container {} is {}, not {}", name, to_string(container.status),
                  to_string(from));
    }
    set_status(name, to, id);
    return json::Value(json::Object());
  };
  switch (job.request.verb) {
    case Verb::container_pause:
      return move(Status::running, Status::paused);
    case Verb::container_resume:
      return move(Status::paused, Status::running);
    case Verb::container_start:
      return move(container.status == Status::created ? Status::created : Status::stopped,
                  Status::running);
    case Verb::container_update:
      container.spec.object()->set("resources", to_json(job.request.options.resources));
      tell("container", name, "updated", id, {});
      return json::Value(json::Object());
    case Verb::container_kill:
      finish(name, 128 + job.request.options.signal);
      return json::Value(json::Object());
    case Verb::container_stop:
      if (container.status != Status::stopped) {
        finish(name, 143);
      }
      return json::Value(json::Object{{"exit", to_json(*container.exit)}});
    case Verb::container_restart:
      finish(name, 143);
      set_status(name, Status::running, id);
      return json::Value(json::Object{{"exit", to_json(*container.exit)}});
    case Verb::container_delete:
      if (container.status == Status::running && !job.request.options.force) {
        return fail(Code::conflict, "container {} is running", name);
      }
      set_status(name, Status::gone, id);
      containers.erase(name);
      return json::Value(json::Object());
    default:
      return fail(Code::refused, "verb {} is not played", to_string(job.request.verb));
  }
}

Result<json::Value> FakeState::exec(FakeJob& job) {
  const Played played = play(job.request.options.command);
  job.log = played.log;
  return json::Value(json::Object{{"code", played.code.value_or(0)}});
}

Result<json::Value> FakeState::cancel(const std::string& id) {
  const auto found = jobs.find(id);
  if (found == jobs.end() || is_final(found->second.state)) {
    return fail(Code::conflict, "cancel job {}: it has ended already", id);
  }
  end_job(found->second, Failure(Error{Code::cancelled, "stopped by request", {}}));
  return json::Value(json::Object{{"cancelled", id}});
}

void FakeState::finish(const std::string& name, int code) {
  containers.at(name).exit = Exit{code, false, kTime + 5000};
  set_status(name, Status::stopped, "", {{"exit", to_json(*containers.at(name).exit)}});
}

Result<std::pair<std::string, bool>> FakeState::log(const json::Value& body) const {
  if (body.at("of").string_or("") == "job.log") {
    const auto found = jobs.find(std::string(body.at("id").string_or("")));
    if (found == jobs.end()) {
      return fail(Code::not_found, "there is no such job");
    }
    return std::pair(found->second.log, !is_final(found->second.state));
  }
  const auto found = containers.find(std::string(body.at("name").string_or("")));
  if (found == containers.end()) {
    return fail(Code::not_found, "there is no such container");
  }
  return std::pair(found->second.log, found->second.status != Status::stopped);
}

}  // namespace drover::fakes
