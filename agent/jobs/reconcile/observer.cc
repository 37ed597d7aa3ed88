#include "agent/jobs/reconcile/observer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "agent/jobs/container_record.h"
#include "agent/system/log.h"

namespace drover::jobs {

Observer::Observer(const Node& node, Books& books, Note note)
    : node_(node), books_(books), note_(std::move(note)), thread_([this] { work(); }) {}

Observer::~Observer() {
  stop_.request();
  changed_.notify_all();
  thread_.join();
}

void Observer::look_at(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) {
      names_.push_back(name);
    }
  }
  changed_.notify_one();
}

void Observer::look_at_all() {
  look_at("");
}

void Observer::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stop_.requested() || !names_.empty(); });
    if (stop_.requested()) {
      return;
    }
    const std::string name = std::move(names_.front());
    names_.pop_front();
    lock.unlock();
    if (name.empty()) {
      observe_all();
    } else {
      observe(name);
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
  for (const ContainerRow& row : rows) {
    if (stop_.requested()) {
      return;
    }
    observe(row.name);
  }
}

void Observer::observe(const std::string& name) {
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
