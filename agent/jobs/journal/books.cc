#include "agent/jobs/journal/books.h"

#include <memory>
#include <utility>

#include "agent/jobs/journal/told_labels.h"

namespace drover::jobs {
namespace {

constexpr const char* kAgentIsStopping = "write to the journal: the agent is stopping";

}  // namespace

Result<> Books::tell(Event event) {
  if (event.kind == "container") {
    if (const std::optional<ContainerRow> row = TRY(journal_.container(event.object))) {
      tell_labels(row->container, event.data);
    }
  }
  Event numbered = TRY(journal_.add_event(std::move(event)));
  told_.push_back(std::move(numbered));
  return {};
}

void Books::serve() {
  for (const RequestPtr& request : inbox_.take()) {
    if (stalled_.empty()) {
      perform(request);
    } else {
      stalled_.push_back(request);  // in order
    }
  }
}

void Books::perform(const RequestPtr& request) {
  Result<> changed = request->change(*this);
  writers_.emplace_back(request, std::move(changed));
}

void Books::wake_writers(const Result<>& committed) {
  for (const auto& [request, changed] : std::exchange(writers_, {})) {
    if (!committed && committed.error().code == Code::unavailable && !closed_) {
      stalled_.push_back(request);
      why_stalled_ = committed.error().message;
    } else {
      request->done.set_value(committed ? changed : committed);
    }
  }
}

void Books::try_again() {
  for (const RequestPtr& request : std::exchange(stalled_, {})) {
    perform(request);
  }
}

void Books::commit() {
  if (!journal_.dirty() && waiting_.empty() && writers_.empty()) {
    return;
  }
  const Result<> committed = journal_.commit();
  // They wait on their threads, and what they do next comes by the inbox: after what is told here.
  wake_writers(committed);
  const std::vector<Event> told = std::exchange(told_, {});
  if (committed && !told.empty()) {
    publish_(told);
  }
  const std::set<std::string> touched = journal_.take_touched();
  if (containers_changed_ && !touched.empty()) {
    containers_changed_(touched);
  }
  // Taken first: one that waits may write again, for the next turn.
  for (const auto& done : std::exchange(waiting_, {})) {
    done(committed);
  }
}

Result<> Books::write(std::function<Result<>(Books&)> change) {
  const auto request = std::make_shared<Request>();
  request->change = std::move(change);
  std::future<Result<>> done = request->done.get_future();
  inbox_.post(request);
  // Either `close` came after the post and finds it inside, or it came before and is seen here.
  if (closed_) {
    refuse_waiting();
  }
  return done.get();
}

void Books::close() {
  closed_ = true;
  refuse_waiting();
  for (const RequestPtr& request : std::exchange(stalled_, {})) {
    request->done.set_value(fail(Code::cancelled, kAgentIsStopping));
  }
}

void Books::refuse_waiting() {
  for (const RequestPtr& request : inbox_.take()) {
    request->done.set_value(fail(Code::cancelled, kAgentIsStopping));
  }
}

}  // namespace drover::jobs
