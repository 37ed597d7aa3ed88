#include "agent/jobs/journal/books.h"

#include <algorithm>
#include <iterator>
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
  // What the loop's thread has written by itself in this turn.
  for_machine_ = for_machine_ || journal_.dirty();
  for (const RequestPtr& request : inbox_.take()) {
    if (stalled_.empty()) {
      perform(request);
    } else {
      stalled_.push_back(request);  // in order
    }
  }
  if (!for_machine_ && waiting_.empty()) {
    commit_for_agent();
  }
}

void Books::perform(const RequestPtr& request) {
  const std::int64_t before = journal_.changes();
  Result<> changed = request->change(*this);
  for_machine_ =
      for_machine_ || (request->outlives == Outlives::machine && journal_.changes() != before);
  writers_.emplace_back(request, std::move(changed));
}

/// At once, as what comes later in this turn may have to outlive more.
void Books::commit_for_agent() {
  const Result<> committed = journal_.commit();
  wake_writers(committed);
  const bool was_settled = committed_.empty();
  std::vector<Event> told = std::exchange(told_, {});
  if (committed) {
    std::move(told.begin(), told.end(), std::back_inserter(committed_));
  }
  tell_touched();
  if (was_settled && !committed_.empty() && unsettled_) {
    unsettled_();
  }
}

void Books::tell_touched() {
  const std::set<std::string> touched = journal_.take_touched();
  if (containers_changed_ && !touched.empty()) {
    containers_changed_(touched);
  }
}

void Books::settle() {
  if (!journal_.unsynced()) {
    return;
  }
  // Where that fails the agent ends: events that nobody can vouch for are not told.
  if (journal_.sync() && !committed_.empty()) {
    publish_(std::exchange(committed_, {}));
  }
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
  for_machine_ = false;
  if (!journal_.dirty() && waiting_.empty() && writers_.empty()) {
    if (!unsettled_) {
      settle();
    }
    return;
  }
  Result<> committed = journal_.commit();
  if (committed && journal_.unsynced()) {
    committed = journal_.sync();
  }
  // They wait on their threads, and what they do next comes by the inbox: after what is told here.
  wake_writers(committed);
  std::vector<Event> told = std::exchange(told_, {});
  if (committed) {
    std::vector<Event> all = std::exchange(committed_, {});
    std::move(told.begin(), told.end(), std::back_inserter(all));
    if (!all.empty()) {
      publish_(all);
    }
  }
  tell_touched();
  // Taken first: one that waits may write again, for the next turn.
  for (const auto& done : std::exchange(waiting_, {})) {
    done(committed);
  }
}

Result<> Books::write(std::function<Result<>(Books&)> change, Outlives outlives) {
  const auto request = std::make_shared<Request>();
  request->change = std::move(change);
  request->outlives = outlives;
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
