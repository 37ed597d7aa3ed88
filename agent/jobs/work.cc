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
                 .data = {{"step", number},
                          {"steps", planned_},
                          {"name", name},
                          {"subject", subject},
                          {"target", request_.target}}};
  };
  TRY(write([&](Books& books) -> Result<> {
    TRY(books.journal().put_step(row));
    return books.tell(event("step_started"));
  }));
  json::Value made = TRY(act());
  TRY(write([&](Books& books) -> Result<> {
    StepRow done = row;
    done.state = StepState::done;
    done.data = json::write(made);
    TRY(books.journal().put_step(done));
    return books.tell(event("step_done"));
  }));
  return made;
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
