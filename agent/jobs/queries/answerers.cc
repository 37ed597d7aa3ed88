#include "agent/jobs/queries/answerers.h"

#include <sys/epoll.h>

#include <exception>
#include <utility>

namespace drover::jobs {
namespace {

constexpr std::size_t kAnswererThreads = 2;
constexpr std::size_t kMostQuestions = 32;

}  // namespace

Answerers::Answerers(system::Loop& loop)
    : loop_(loop), pool_(kAnswererThreads, [this](const Task& task) { look(task); }) {
  loop_.watch(done_.fd(), EPOLLIN, [this](std::uint32_t) { take_answers(); });
}

Answerers::~Answerers() {
  pool_.close();
  stop_.request();
  pool_.join();
  loop_.unwatch(done_.fd());
}

Result<> Answerers::ask(Find find, Answer answer) {
  if (waiting_.size() >= kMostQuestions) {
    return fail(Code::unavailable, "{} questions wait already: ask again later", waiting_.size());
  }
  const std::uint64_t ticket = next_++;
  waiting_.emplace(ticket, std::move(answer));
  pool_.give({ticket, std::move(find)}, waiting_.size());
  return {};
}

void Answerers::look(const Task& task) {
  Result<json::Value> answer = [&]() -> Result<json::Value> {
    try {
      return task.find(stop_);
    } catch (const std::exception& error) {
      // A bug of ours must cost this answer only.
      return fail(Code::broken, "unexpected failure: {}", error.what());
    }
  }();
  done_.post({task.ticket, std::move(answer)});
}

void Answerers::take_answers() {
  for (const Done& done : done_.take()) {
    waiting_.extract(done.ticket).mapped()(done.answer);
  }
}

}  // namespace drover::jobs
