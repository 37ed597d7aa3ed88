#include "agent/jobs/askers.h"

#include <sys/epoll.h>

#include <exception>
#include <utility>

namespace drover::jobs {

Askers::Askers(system::Loop& loop, std::size_t threads) : loop_(loop), free_(threads) {
  loop_.watch(answers_.fd(), EPOLLIN, [this](std::uint32_t) { take_answers(); });
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

Askers::~Askers() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    tasks_.clear();
  }
  for (auto& [ticket, question] : questions_) {
    question.stop->request();
    if (question.late != 0) {
      loop_.cancel(question.late);
    }
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  loop_.unwatch(answers_.fd());
}

Askers::Ticket Askers::ask(std::chrono::seconds timeout, Ask ask,
                           std::function<void(const Finding&)> done) {
  const Ticket ticket = next_++;
  questions_.emplace(
      ticket, Question{timeout, std::move(ask), std::move(done), std::make_shared<system::Stop>()});
  waiting_.push_back(ticket);
  hand_out();
  return ticket;
}

void Askers::withdraw(Ticket ticket) {
  const auto found = questions_.find(ticket);
  if (found == questions_.end()) {
    return;
  }
  if (std::erase(waiting_, ticket) != 0) {
    questions_.erase(found);
    return;
  }
  found->second.done = nullptr;
  found->second.stop->request();
}

void Askers::hand_out() {
  while (free_ > 0 && !waiting_.empty()) {
    const Ticket ticket = waiting_.front();
    waiting_.pop_front();
    --free_;
    Question& question = questions_.at(ticket);
    question.late = loop_.after(question.timeout, [this, ticket] {
      Question& late = questions_.at(ticket);
      late.late = 0;
      late.timed_out = true;
      late.stop->request();
    });
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back({ticket, question.ask, question.stop});
    }
    changed_.notify_one();
  }
}

void Askers::take_answers() {
  for (Answer& answer : answers_.take()) {
    auto question = questions_.extract(answer.ticket).mapped();
    ++free_;
    if (question.late != 0) {
      loop_.cancel(question.late);
    }
    if (question.timed_out) {
      answer.finding = {Finding::What::failure,
                        fmt::format("no answer within {} s", question.timeout.count())};
    }
    if (question.done) {
      question.done(answer.finding);
    }
  }
  hand_out();
}

void Askers::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
    if (closing_) {
      return;
    }
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Finding finding;
    try {
      finding = task.ask(*task.stop);
    } catch (const std::exception& error) {
      // A bug of ours must cost this question only.
      finding.message = fmt::format("unexpected failure: {}", error.what());
    }
    answers_.post({task.ticket, std::move(finding)});
  }
}

}  // namespace drover::jobs
