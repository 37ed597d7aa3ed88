#include "agent/jobs/work.h"

#include <utility>

namespace drover::jobs {

Result<json::Value> Work::step(const std::string& name, const std::string& subject,
                               const std::function<Result<json::Value>()>& act) {
  TRY(stop().check("before step " + name));
  const std::int64_t number = ++taken_;
  const StepRow row{request_.id.str(), number, name, subject, StepState::intent, "null"};
  const auto event = [&](const std::string& what) {
    return Event{.kind = "job",
                 .object = request_.id.str(),
                 .what = what,
                 .job = request_.id.str(),
                 .data = {{"number", number},
                          {"of", planned_},
                          {"name", name},
                          {"subject", subject},
                          {"target", request_.target}}};
  };
  TRY(write([&](Books& books) -> Result<> {
    TRY(books.journal().put_step(row));
    return books.tell(event("step_started"));
  }));
  Result<json::Value> acted = act();
  if (!acted) {
    // Only told: to the undo a step that failed is one that was begun.
    [[maybe_unused]] const Result<> told = write([&](Books& books) -> Result<> {
      Event failed = event("step_failed");
      failed.data.set("message", acted.error().message);
      return books.tell(std::move(failed));
    });
    return Failure(std::move(acted).error());
  }
  TRY(write([&](Books& books) -> Result<> {
    StepRow done = row;
    done.state = StepState::done;
    done.data = json::write(*acted);
    TRY(books.journal().put_step(done));
    return books.tell(event("step_done"));
  }));
  return acted;
}

Result<> Work::step_undone(const StepRow& step) {
  return write([&](Books& books) -> Result<> {
    StepRow undone = step;
    undone.state = StepState::undone;
    TRY(books.journal().put_step(undone));
    return books.tell(Event{.kind = "job",
                            .object = request_.id.str(),
                            .what = "step_undone",
                            .job = request_.id.str(),
                            .data = {{"number", step.number},
                                     {"name", step.name},
                                     {"subject", step.subject},
                                     {"target", request_.target}}});
  });
}

Result<std::optional<ContainerRow>> Work::container(const std::string& name) {
  std::optional<ContainerRow> row;
  TRY(write([&](Books& books) -> Result<> {
    row = TRY(books.journal().container(name));
    return {};
  }));
  return row;
}

Result<std::vector<StepRow>> Work::steps(const std::string& job) {
  std::vector<StepRow> rows;
  TRY(write([&](Books& books) -> Result<> {
    rows = TRY(books.journal().steps(job));
    return {};
  }));
  return rows;
}

Result<> Work::put_container(const ContainerRow& row, const std::string& what, json::Object data) {
  return write([&](Books& books) -> Result<> {
    TRY(books.journal().put_container(row));
    data.set("runtime", row.runtime);
    return books.tell(Event{.kind = "container",
                            .object = row.name,
                            .what = what,
                            .job = request_.id.str(),
                            .data = std::move(data)});
  });
}

Result<> Work::erase_container(const std::string& name) {
  return write([&](Books& books) -> Result<> {
    TRY(books.journal().erase_container(name));
    return books.tell(
        Event{.kind = "container", .object = name, .what = "gone", .job = request_.id.str()});
  });
}

}  // namespace drover::jobs
