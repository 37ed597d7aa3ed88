#include "agent/jobs/keep/askers.h"

#include <sys/epoll.h>

#include <exception>
#include <utility>

namespace drover::jobs {

Askers::Askers(system::Loop& loop, std::size_t threads)
    : loop_(loop), free_(threads), pool_(threads, [this](const Task& task) { put(task); }) {
  loop_.watch(answers_.fd(), EPOLLIN, [this](std::uint32_t) { take_answers(); });
}

Askers::~Askers() {
  pool_.close();
  for (auto& [ticket, question] : questions_) {
    question.stop->request();
    if (question.late != 0) {
      loop_.cancel(question.late);
    }
  }
  pool_.join();
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
    pool_.give({ticket, question.ask, question.stop});
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

void Askers::put(const Task& task) {
  Finding finding;
  try {
    finding = task.ask(*task.stop);
  } catch (const std::exception& error) {
    // A bug of ours must cost this question only.
    finding.message = fmt::format("unexpected failure: {}", error.what());
  }
  answers_.post({task.ticket, std::move(finding)});
}

}  // namespace drover::jobs
