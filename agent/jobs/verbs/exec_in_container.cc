#include "agent/jobs/target.h"
#include "agent/jobs/verbs/verbs.h"

namespace drover::jobs {
namespace {

/// Where the program of a job is kept, whichever runtime its container has: the same for all.
runtimes::ExecSessions* sessions_of(const Node& node) {
  for (const auto& [kind, runtime] : node.runtimes) {
    if (runtimes::ExecSessions* const sessions = runtime->exec_sessions()) {
      return sessions;
    }
  }
  return nullptr;
}

Result<runtimes::ExecSessions*> sessions_for(const Target& target) {
  runtimes::ExecSessions* const sessions = target.runtime->exec_sessions();
  if (sessions == nullptr) {
    return fail(Code::refused, "run a program in container {}: its runtime does not do that",
                target.row.name);
  }
  return sessions;
}

/// Begins it, unless an earlier run of the job has.
Result<> begin(Work& work, const Node& node) {
  Step step{.name = "runtime.exec"};
  step.act = [&]() -> Result<json::Value> {
    const Target target = TRY(find_target(work, node));
    const JobOptions& options = work.request().options;
    runtimes::ExecSessions* const sessions = TRY(sessions_for(target));
    TRY(sessions->begin(
        target.container(), work.request().id,
        {options.command, options.env, options.cwd, options.user, options.input, options.terminal},
        work.stop()));
    return json::Value();
  };
  step.find = [&]() -> Result<std::optional<json::Value>> {
    runtimes::ExecSessions* const sessions = sessions_of(node);
    const bool begun = sessions != nullptr && TRY(sessions->begun(work.request().id));
    return begun ? std::optional(json::Value()) : std::nullopt;
  };
  TRY(work.once(step));
  return {};
}

/// What is killed may be stuck in the kernel.
constexpr std::chrono::seconds kEndTime{20};
/// Most kernels end what is frozen at once (cgroup v2), others not before it is thawed.
constexpr std::chrono::milliseconds kEndTimeInPaused{500};

bool is_paused(Work& work, const Node& node) {
  const Result<Target> target = find_target(work, node);
  const Result<runtimes::State> now =
      target ? target->runtime->state(target->container(), work.agent_stop())
             : Failure(target.error());
  return now && now->status == Status::paused;
}

/// Whether somebody waits for what the job runs. What the journal cannot tell now is left until it
/// can.
bool is_wanted_exec(Journal& journal, const JobId& job) {
  const auto row = journal.job(job.str());
  return !row || (row->has_value() && !is_final((*row)->state));
}

/// It may be whoever's by now: the container can be gone, and with it the program, whose end its
/// monitor knows.
Result<runtimes::ExecSessions*> sessions_begun(const Node& node) {
  runtimes::ExecSessions* const sessions = sessions_of(node);
  if (sessions == nullptr) {
    return fail(Code::unavailable, "no runtime of this node runs programs in containers now");
  }
  return sessions;
}

}  // namespace

Result<json::Value> exec_in_container(Work& work, const Node& node) {
  work.plan(2);
  TRY(begin(work, node));
  runtimes::ExecSessions* const sessions = TRY(sessions_begun(node));
  Step step{.name = "runtime.await"};
  step.act = [&]() -> Result<json::Value> {
    const int code = TRY(sessions->await(work.request().id, work.stop()));
    return json::Value(code);
  };
  const json::Value code = TRY(work.once(step));
  TRY(sessions->forget(work.request().id));
  return json::Value(json::Object{{"code", code}});
}

Result<> undo_exec(Work& work, const Node& node) {
  runtimes::ExecSessions* const sessions = sessions_of(node);
  if (sessions == nullptr) {
    return {};
  }
  const JobId& job = work.request().id;
  const bool paused = is_paused(work, node);
  const Result<> ended =
      sessions->end(job, paused ? std::chrono::milliseconds(kEndTimeInPaused) : kEndTime);
  if (!ended && paused && ended.error().code == Code::unavailable) {
    // The resume forgets it then.
    return fail(Code::conflict,
                "container {} is paused, and nothing inside ends before it is resumed: what the "
                "job runs there has been sent SIGKILL, and ends when you resume the container",
                work.request().target);
  }
  return ended ? sessions->forget(job) : ended;
}

void end_unwanted_execs(const Node& node, Journal& journal) {
  if (runtimes::ExecSessions* const sessions = sessions_of(node)) {
    sessions->end_others([&](const JobId& job) { return is_wanted_exec(journal, job); });
  }
}

void end_unwanted_execs(Work& work, const Node& node) {
  runtimes::ExecSessions* const sessions = sessions_of(node);
  if (sessions == nullptr) {
    return;
  }
  sessions->end_others([&](const JobId& job) {
    bool wanted = true;
    const Result<> asked = work.write([&](Books& books) -> Result<> {
      wanted = is_wanted_exec(books.journal(), job);
      return {};
    });
    return !asked || wanted;
  });
}

}  // namespace drover::jobs
