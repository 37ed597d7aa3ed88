#include "agent/jobs/work.h"

#include <algorithm>
#include <utility>

#include "agent/jobs/job_events.h"
#include "agent/jobs/journal/told_labels.h"
#include "agent/system/crash_point.h"
#include "proxmox/task_watch.h"

namespace drover::jobs {
namespace {

void crash_point(const StepRow& row, std::string_view where) {
  if constexpr (system::kHasCrashPoints) {
    system::crash_point(
        fmt::format("{}{}{} {}", row.name, row.subject.empty() ? "" : " ", row.subject, where));
  }
}

Event with(Event event, const json::Object& data) {
  for (const auto& [key, value] : data) {
    event.data.set(key, value);
  }
  return event;
}

}  // namespace

Event Work::event_of(const StepRow& row, const std::string& what) const {
  return Event{.kind = "job",
               .object = request_.id.str(),
               .what = what,
               .job = request_.id.str(),
               .data = {{"number", row.number},
                        {"of", std::max(planned_, row.number)},
                        {"name", row.name},
                        {"subject", row.subject},
                        {"target", request_.target}}};
}

Work Work::taking_back() const {
  Frame frame = frame_;
  frame.stop = std::shared_ptr<const system::Stop>(std::shared_ptr<void>(), &frame_.agent_stop);
  frame.resumed = true;
  return Work(request_, books_, clock_, std::move(frame));
}

Result<Work::Begun> Work::begin(const Step& step) {
  if (!earlier_) {
    earlier_.emplace();
    if (resumed()) {
      std::vector<StepRow> rows = TRY(steps(request_.id.str()));
      *earlier_ = std::move(rows);
    }
    for (const StepRow& row : *earlier_) {
      taken_ = std::max(taken_, row.number);
    }
    std::erase_if(*earlier_, [](const StepRow& row) { return row.state == StepState::undone; });
  }
  // By name and not by number: an agent that was upgraded in between may do more steps.
  const auto found = std::find_if(earlier_->begin(), earlier_->end(), [&](const StepRow& row) {
    return row.name == step.name && row.subject == step.subject;
  });
  if (found != earlier_->end()) {
    StepRow row = std::move(*found);
    earlier_->erase(found);
    return Begun{std::move(row), true};
  }
  return Begun{
      StepRow{request_.id.str(), ++taken_, step.name, step.subject, StepState::intent, "null"},
      false};
}

Result<std::optional<json::Value>> Work::look_up(const Step& step) {
  std::optional<json::Value> made;
  if (step.find) {
    made = TRY(step.find());
  }
  if (!made && step.clear) {
    TRY(step.clear());
  }
  return made;
}

Result<Turns::Turn> Work::take_turn(const std::optional<Scarce>& wanted, const system::Stop& stop) {
  if (!wanted) {
    return Turns::Turn();
  }
  bool rested = false;
  Result<Turns::Turn> turn =
      frame_.turns.take(*wanted, request_.id.str(), stop, [&](const Turns::Wait& wait) {
        // Only told: whoever asks later gets it from Turns itself.
        [[maybe_unused]] const Result<> told = commit([&](Books& books) {
          return books.tell(waiting_event(request_, wait.thing, wait.before));
        });
        frame_.rest();
        rested = true;
      });
  if (rested) {
    frame_.go_on(stop);
  }
  return turn;
}

Result<json::Value> Work::done_before(const Step& step, StepRow row) {
  if (!step.again) {
    return json::parse(row.data);
  }
  TRY(stop().check("step " + step.name + " once more"));
  const json::Value made = TRY(step.act());
  row.data = json::write(made);
  TRY(commit([&](Books& books) { return books.journal().put_step(row); }));
  return made;
}

void Work::tell_progress(const StepRow& row, const proxmox::TaskProgress& progress) {
  json::Object told{{"task", progress.task}, {"line", progress.line}};
  if (progress.percent) {
    told.set("percent", *progress.percent);
  }
  if (!progress.mode.empty()) {
    told.set("mode", progress.mode);
  }
  // Only told: the task goes on whether anybody hears of it or not.
  [[maybe_unused]] const Result<> written = commit([&](Books& books) {
    frame_.keep_progress(told);
    return books.tell(with(event_of(row, "progress"), told));
  });
}

Result<> Work::await_begun(const std::function<Result<>()>& wait) {
  const std::vector<StepRow> rows = TRY(steps(request_.id.str()));
  const auto begun = std::find_if(rows.rbegin(), rows.rend(), [](const StepRow& row) {
    return row.state == StepState::intent;
  });
  if (begun == rows.rend()) {
    return wait();
  }
  const proxmox::TaskWatch watch(
      [&](const proxmox::TaskProgress& progress) { tell_progress(*begun, progress); });
  return wait();
}

Result<json::Value> Work::act(const Step& step, const StepRow& row, bool before) {
  const proxmox::TaskWatch watch(
      [&](const proxmox::TaskProgress& progress) { tell_progress(row, progress); });
  if (before) {
    std::optional<json::Value> made = TRY(look_up(step));
    if (made) {
      return std::move(*made);
    }
  }
  return step.act();
}

Result<json::Value> Work::once(const Step& step) {
  Begun begun = TRY(begin(step));
  StepRow& row = begun.row;
  if (row.state == StepState::done) {
    return done_before(step, std::move(row));
  }
  TRY(stop().check("before step " + step.name));
  const Turns::Turn turn = TRY(take_turn(step.needs, stop()));
  const Outlives outlives = step.again || step.fleeting ? Outlives::agent : Outlives::machine;
  TRY(commit(
      [&](Books& books) -> Result<> {
        TRY(books.journal().put_step(row));
        return books.tell(event_of(row, "step_started"));
      },
      outlives));
  crash_point(row, "after intent");
  Result<json::Value> acted = act(step, row, begun.before);
  crash_point(row, "after act");
  if (!acted) {
    // Only told: to the undo a step that failed is one that was begun.
    [[maybe_unused]] const Result<> told = commit([&](Books& books) -> Result<> {
      frame_.keep_progress(std::nullopt);
      Event failed = event_of(row, "step_failed");
      failed.data.set("message", acted.error().message);
      return books.tell(std::move(failed));
    });
    return Failure(std::move(acted).error());
  }
  row.state = StepState::done;
  row.data = json::write(*acted);
  const auto result = [this, row](Books& books) -> Result<> {
    frame_.keep_progress(std::nullopt);
    TRY(books.journal().put_step(row));
    return books.tell(event_of(row, "step_done"));
  };
  if (step.goes_on) {
    with_next(result);
  } else {
    TRY(commit(result, outlives));
  }
  crash_point(row, "after result");
  return acted;
}

Result<> Work::step_undone(const StepRow& step) {
  crash_point(step, "after undo");
  TRY(commit([&](Books& books) -> Result<> {
    StepRow undone = step;
    undone.state = StepState::undone;
    TRY(books.journal().put_step(undone));
    Event event = event_of(step, "step_undone");
    event.data.erase("of");
    return books.tell(std::move(event));
  }));
  crash_point(step, "undone");
  return {};
}

void Work::with_next(Change change) {
  unwritten_.push_back(std::move(change));
}

Work::Change Work::take_unwritten() {
  return [changes = std::exchange(unwritten_, {})](Books& books) -> Result<> {
    for (const Change& change : changes) {
      TRY(change(books));
    }
    return {};
  };
}

Result<> Work::write_unwritten() {
  return unwritten_.empty() ? Result<>() : commit([](Books&) { return Result<>(); });
}

Result<> Work::commit(Change change, Outlives outlives) {
  if (unwritten_.empty()) {
    return books_.write(std::move(change), outlives);
  }
  return books_.write(
      [before = take_unwritten(), last = std::move(change)](Books& books) -> Result<> {
        TRY(before(books));
        return last(books);
      },
      outlives);
}

Result<> Work::write(Change change, Outlives outlives) {
  const auto point = [&](std::string_view where) {
    if constexpr (system::kHasCrashPoints) {
      system::crash_point(fmt::format("write {} {}", writes_, where));
    }
  };
  ++writes_;
  point("before");
  TRY(commit(std::move(change), outlives));
  point("after");
  return {};
}

Result<std::optional<ContainerRow>> Work::container(const std::string& name) {
  std::optional<ContainerRow> row;
  TRY(commit([&](Books& books) -> Result<> {
    row = TRY(books.journal().container(name));
    return {};
  }));
  return row;
}

Result<std::vector<StepRow>> Work::steps(const std::string& job) {
  std::vector<StepRow> rows;
  TRY(commit([&](Books& books) -> Result<> {
    rows = TRY(books.journal().steps(job));
    return {};
  }));
  return rows;
}

Result<std::string> Work::made_by() {
  std::string by;
  TRY(commit([&](Books& books) -> Result<> {
    std::optional<JobRow> row = TRY(books.journal().job(request_.id.str()));
    if (row) {
      by = std::move(row->made_by);
    }
    return {};
  }));
  return by;
}

Work::Change Work::status_change(const ContainerRow& row, const std::string& what,
                                 json::Object data) const {
  data.set("runtime", row.runtime);
  Event event{.kind = "container",
              .object = row.name,
              .what = what,
              .job = request_.id.str(),
              .data = std::move(data)};
  return [row, event = std::move(event)](Books& books) -> Result<> {
    TRY(books.journal().put_container(row));
    return books.tell(event);
  };
}

Result<> Work::put_container(const ContainerRow& row, const std::string& what, json::Object data,
                             const std::function<Result<>(Journal&)>& may, Outlives outlives) {
  return write(
      [&, change = status_change(row, what, std::move(data))](Books& books) -> Result<> {
        if (may) {
          TRY(may(books.journal()));
        }
        return change(books);
      },
      outlives);
}

void Work::put_container_with_next(const ContainerRow& row, const std::string& what,
                                   json::Object data) {
  with_next(status_change(row, what, std::move(data)));
}

Result<> Work::erase_container(const std::string& name, const std::optional<DeletedRow>& kept,
                               const std::optional<Event>& why) {
  return write([&](Books& books) -> Result<> {
    // Nobody finds them in the journal any more when its last events are told.
    json::Object labels;
    if (const std::optional<ContainerRow> row = TRY(books.journal().container(name))) {
      tell_labels(row->container, labels);
    }
    TRY(books.journal().erase_container(name));
    if (kept) {
      TRY(books.journal().put_deleted(*kept));
    }
    if (why) {
      Event event = *why;
      for (const auto& [member, value] : labels) {
        event.data.set(member, value);
      }
      TRY(books.tell(std::move(event)));
    }
    return books.tell(Event{.kind = "container",
                            .object = name,
                            .what = "gone",
                            .job = request_.id.str(),
                            .data = std::move(labels)});
  });
}

}  // namespace drover::jobs
