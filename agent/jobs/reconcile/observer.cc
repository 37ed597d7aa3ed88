#include "agent/jobs/reconcile/observer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "agent/jobs/container_record.h"
#include "agent/system/log.h"

namespace drover::jobs {

Observer::Observer(const Node& node, Books& books, Note note)
    : node_(node),
      books_(books),
      note_(std::move(note)),
      thread_([this] { work(queue_); }),
      guest_thread_([this] { work(guests_); }) {}

Observer::~Observer() {
  {
    // Under the lock: a thread that has just found nothing to do must not miss it.
    const std::lock_guard lock(mutex_);
    stop_.request();
  }
  queue_.changed.notify_one();
  guests_.changed.notify_one();
  thread_.join();
  guest_thread_.join();
}

void Observer::put(Queue& queue, const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(queue.names.begin(), queue.names.end(), name) == queue.names.end()) {
      queue.names.push_back(name);
    }
  }
  queue.changed.notify_one();
}

void Observer::look_at(const std::string& name) {
  put(queue_, name);
}

void Observer::look_at_all() {
  put(queue_, "");
}

void Observer::work(Queue& queue) {
  for (;;) {
    std::unique_lock lock(mutex_);
    queue.changed.wait(lock, [&] { return stop_.requested() || !queue.names.empty(); });
    if (stop_.requested()) {
      return;
    }
    const std::string name = std::move(queue.names.front());
    queue.names.pop_front();
    lock.unlock();
    if (name.empty()) {
      observe_all();
    } else {
      observe(name, queue);
    }
  }
}

void Observer::observe_all() {
  std::vector<ContainerRow> rows;
  const Result<> read = books_.write([&](Books& books) -> Result<> {
    rows = TRY(books.journal().containers());
    return {};
  });
  if (!read && read.error().code != Code::cancelled) {
    system::log_error("reconcile: {}", read.error().message);
  }
  // Behind those that have just ended.
  for (const ContainerRow& row : rows) {
    look_at(row.name);
  }
}

void Observer::observe(const std::string& name, const Queue& queue) {
  const auto look = [&]() -> Result<> {
    std::optional<ContainerRow> row;
    TRY(books_.write([&](Books& books) -> Result<> {
      row = TRY(books.journal().container(name));
      return {};
    }));
    if (!row) {
      return {};
    }
    const ContainerRecord record = TRY(container_record_from(row->container));
    if (record.container.runtime == RuntimeKind::pve_lxc && &queue != &guests_) {
      put(guests_, name);
      return {};
    }
    runtimes::Runtime* runtime = TRY(node_.runtime(record.container.runtime));
    const Result<runtimes::State> asked = runtime->state(record.container, stop_);
    if (!asked && asked.error().code != Code::not_found) {
      return Failure(asked.error());
    }
    const std::optional<runtimes::State> state = asked ? std::optional(*asked) : std::nullopt;
    return books_.write([&](Books&) { return note_(name, state); });
  };
  const Result<> looked = look();
  if (!looked && looked.error().code != Code::cancelled) {
    system::log_warning("look at container {}: {}", name, looked.error().message);
  }
}

}  // namespace drover::jobs
