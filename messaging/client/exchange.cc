#include "messaging/client/exchange.h"

#include <algorithm>

namespace drover::messaging {
namespace {

// Where there is another dispatcher: how long one may take to let us in, and say nothing at all. It
// gives a node 5 s for its answer, and then says so itself.
constexpr std::chrono::milliseconds kTimeToConnect{2000};
constexpr std::chrono::milliseconds kTimeToSpeak{7000};

system::Instant now() {
  return std::chrono::steady_clock::now();
}

std::string node_of(const Header& header) {
  const json::Value* node = header.all.find("node");
  return node == nullptr ? std::string() : std::string(node->string_or(""));
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
  std::optional<Answer> answer;
  const Take take = [this, &answer](const Incoming& message) -> Result<bool> {
    answer = TRY(judge(message));
    return answer.has_value();
  };
  TRY(work(take, until, stop));
  return std::move(*answer);
}

Result<> Exchange::run_for_nodes(NodeAnswers& answers, system::Instant until,
                                 const system::Stop& stop) {
  const Take take = [this, &answers](const Incoming& message) {
    return take_of_node(message, answers);
  };
  return work(take, until, stop);
}

Result<> Exchange::work(const Take& take, system::Instant until, const system::Stop& stop) {
  silent_after_ = has_others() ? now() + kTimeToSpeak : system::Instant::max();
  for (;;) {
    const bool sent = TRY(send(until, stop));
    if (!sent) {
      return no_answer();
    }
    next_send_ = now() + resend_.next();
    const bool done = TRY(wait_for_answers(take, until, stop));
    if (done) {
      return {};
    }
    moves_on_ = has_others() && (channel_.lost() || last_word_ || now() >= silent_after_);
    if (now() >= until || moves_on_) {
      return no_answer();
    }
  }
}

Result<bool> Exchange::send(system::Instant until, const system::Stop& stop) {
  const bool first = !channel_.was_connected();
  const std::chrono::milliseconds patience =
      has_others() ? std::min(options_.connect_timeout, kTimeToConnect) : options_.connect_timeout;
  const bool waits = !first && !has_others();
  const system::Instant limit = waits ? until : std::min(until, now() + patience);
  const bool sent = TRY(channel_.send(kind_, rq_, body_, limit, stop));
  moves_on_ = !sent && has_others();
  if (!sent && first) {
    return Failure(channel_.silent());
  }
  return sent;
}

Result<bool> Exchange::wait_for_answers(const Take& take, system::Instant until,
                                        const system::Stop& stop) {
  for (;;) {
    const system::Instant limit = std::min({until, next_send_, silent_after_});
    if (now() >= limit) {
      return false;
    }
    std::optional<Incoming> message = TRY(channel_.receive(limit, stop));
    if (!message && channel_.lost() && has_others()) {
      return false;
    }
    // Another number: a late answer to a request that was given up or answered already.
    if (!message || message->header.rq != rq_) {
      continue;
    }
    if (has_others()) {
      silent_after_ = now() + kTimeToSpeak;
    }
    const bool done = TRY(take(*message));
    if (done) {
      return true;
    }
  }
}

Result<std::optional<Answer>> Exchange::judge(const Incoming& message) {
  const std::string& kind = message.header.kind;
  if (kind == "error") {
    Error error = read_error(message.body);
    if (error.code != Code::unavailable || !options_.waits_for_unavailable) {
      moves_on_ = has_others() && error.code == Code::unavailable;
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
  return std::optional<Answer>(Answer{kind, std::move(body), node_of(message.header)});
}

Result<bool> Exchange::take_of_node(const Incoming& message, NodeAnswers& answers) {
  const std::string& kind = message.header.kind;
  const std::string node = node_of(message.header);
  if (kind == "query.sent" || kind == "job.sent") {
    const json::Value body = TRY(json::parse(message.body).context(kind));
    answers.take_nodes(body);
    told_nodes_ = true;
  } else if (node.empty()) {
    // Of the dispatcher itself, about the whole request.
    TRY(judge(message));
    return false;
  } else if (kind == "error") {
    answers.answers.insert_or_assign(node, Failure(read_error(message.body)));
  } else if (kind != "busy") {
    json::Value body =
        TRY(json::parse(message.body).context(fmt::format("{}: the answer of {}", kind_, node)));
    answers.answers.insert_or_assign(node, Answer{kind, std::move(body), node});
  }
  return told_nodes_ && answers.complete();
}

Failure Exchange::no_answer() const {
  if (last_word_) {
    return Failure(*last_word_);
  }
  if (!channel_.trouble().empty()) {
    return fail(Code::timed_out, "{}: no answer from {} of {} that can be read: {}", kind_,
                channel_.name(), bus_.text(channel_.which()), channel_.trouble());
  }
  if (bus_.endpoint(channel_.which()).tcp() != nullptr && !channel_.is_connected()) {
    // It may have been sent before, whatever keeps us from it now.
    return fail(Code::timed_out, "{}: no answer: {}", kind_, channel_.silent().message);
  }
  return fail(Code::timed_out, "{}: no answer from {} of {}: {}", kind_, channel_.name(),
              bus_.text(channel_.which()), bus_.question(channel_.which()));
}

}  // namespace drover::messaging
