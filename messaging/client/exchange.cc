#include "messaging/client/exchange.h"

#include <algorithm>

namespace drover::messaging {
namespace {

system::Instant now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

Exchange::Exchange(Channel& channel, const Bus& bus, const ClientOptions& options,
                   std::string_view kind, std::uint64_t rq, std::string body)
    : channel_(channel),
      bus_(bus),
      options_(options),
      kind_(kind),
      rq_(rq),
      body_(std::move(body)),
      resend_(options.first_resend, options.longest_resend) {}

Result<Answer> Exchange::run(system::Instant until, const system::Stop& stop) {
  for (;;) {
    const bool sent = TRY(send(until, stop));
    if (!sent) {
      return no_answer();
    }
    next_send_ = now() + resend_.next();
    std::optional<Answer> answer = TRY(wait_for_answer(until, stop));
    if (answer) {
      return std::move(*answer);
    }
    if (now() >= until) {
      return no_answer();
    }
  }
}

Result<bool> Exchange::send(system::Instant until, const system::Stop& stop) {
  const bool first = !channel_.was_connected();
  const system::Instant limit = first ? std::min(until, now() + options_.connect_timeout) : until;
  const bool sent = TRY(channel_.send(kind_, rq_, body_, limit, stop));
  if (!sent && first) {
    return Failure(channel_.silent());
  }
  return sent;
}

Result<std::optional<Answer>> Exchange::wait_for_answer(system::Instant until,
                                                        const system::Stop& stop) {
  while (now() < std::min(until, next_send_)) {
    std::optional<Incoming> message = TRY(channel_.receive(std::min(until, next_send_), stop));
    // Another number: a late answer to a request that was given up or answered already.
    if (!message || message->header.rq != rq_) {
      continue;
    }
    std::optional<Answer> answer = TRY(judge(*message));
    if (answer) {
      return answer;
    }
  }
  return std::optional<Answer>();
}

Result<std::optional<Answer>> Exchange::judge(const Incoming& message) {
  const std::string& kind = message.header.kind;
  if (kind == "error") {
    Error error = read_error(message.body);
    if (error.code != Code::unavailable) {
      return Failure(std::move(error));
    }
    last_word_ = std::move(error);
    return std::optional<Answer>();
  }
  json::Value body =
      TRY(json::parse(message.body).context(fmt::format("{}: its answer of kind {}", kind_, kind)));
  if (kind == "busy") {
    const std::chrono::milliseconds wait(
        std::clamp<std::int64_t>(body.at("retry_after_ms").integer_or(0), 1,
                                 std::max<std::int64_t>(1, options_.longest_resend.count())));
    last_word_ = Error{Code::unavailable, fmt::format("{}: the node is busy", kind_), {}};
    next_send_ = now() + wait;
    return std::optional<Answer>();
  }
  return std::optional<Answer>(Answer{kind, std::move(body)});
}

Failure Exchange::no_answer() const {
  if (last_word_) {
    return Failure(*last_word_);
  }
  if (!channel_.trouble().empty()) {
    return fail(Code::timed_out, "{}: no answer from {} of {} that can be read: {}", kind_,
                channel_.name(), bus_.endpoint().text(), channel_.trouble());
  }
  if (bus_.endpoint().tcp() != nullptr && !channel_.is_connected()) {
    // It may have been sent before, whatever keeps us from it now.
    return fail(Code::timed_out, "{}: no answer: {}", kind_, channel_.silent().message);
  }
  return fail(Code::timed_out, "{}: no answer from {} of {}: {}", kind_, channel_.name(),
              bus_.endpoint().text(), bus_.question());
}

}  // namespace drover::messaging
