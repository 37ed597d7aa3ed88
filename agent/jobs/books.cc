#include "agent/jobs/books.h"

#include <memory>
#include <utility>

namespace drover::jobs {

Result<> Books::tell(Event event) {
  Event numbered = TRY(journal_.add_event(std::move(event)));
  told_.push_back(std::move(numbered));
  return {};
}

void Books::serve() {
  for (const std::shared_ptr<Request>& request : inbox_.take()) {
    Result<> changed = request->change(*this);
    after_commit([request, changed = std::move(changed)](const Result<>& committed) {
      request->done.set_value(committed ? changed : committed);
    });
  }
}

void Books::commit() {
  if (!journal_.dirty() && waiting_.empty()) {
    return;
  }
  const Result<> committed = journal_.commit();
  const std::vector<Event> told = std::exchange(told_, {});
  if (committed && !told.empty()) {
    publish_(told);
  }
  // Taken first: one that waits may write again, for the next turn.
  for (const auto& done : std::exchange(waiting_, {})) {
    done(committed);
  }
}

Result<> Books::write(std::function<Result<>(Books&)> change) {
  auto request = std::make_shared<Request>();
  request->change = std::move(change);
  std::future<Result<>> done = request->done.get_future();
  inbox_.post(std::move(request));
  // Either `close` came after the post and finds it inside, or it came before and is seen here.
  if (closed_) {
    refuse_waiting();
  }
  return done.get();
}

void Books::close() {
  closed_ = true;
  refuse_waiting();
}

void Books::refuse_waiting() {
  for (const std::shared_ptr<Request>& request : inbox_.take()) {
    request->done.set_value(fail(Code::cancelled, "write to the journal: the agent is stopping"));
  }
}

}  // namespace drover::jobs
