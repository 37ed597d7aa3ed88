#include "agent/jobs/reconcile/while_held.h"

#include <utility>

namespace drover::jobs {

Result<> while_held(Books& books, Supervisor& supervisor, const std::string& container,
                    const std::function<Result<>()>& mend) {
  // A change is made again when its commit had to wait (books.h).
  bool held = false;
  TRY(books.write([&](Books& loop) -> Result<> {
    const bool ours = TRY(loop.journal().container(container)).has_value();
    held = held || (ours && supervisor.hold(container));
    return {};
  }));
  if (!held) {
    return {};
  }
  const Result<> mended = mend();
  TRY(books.write([&](Books&) -> Result<> {
    if (std::exchange(held, false)) {
      supervisor.let_go(container);
    }
    return {};
  }));
  return mended;
}

}  // namespace drover::jobs
