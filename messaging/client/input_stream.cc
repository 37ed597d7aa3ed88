#include "messaging/client/input_stream.h"

#include <algorithm>
#include <utility>

#include "agent/core/ids.h"
#include "messaging/client/channel.h"

namespace drover::messaging {
namespace {

// How soon a program that has not begun is asked for again.
constexpr std::chrono::milliseconds kFirstTry{20};
constexpr std::chrono::milliseconds kLongestTry{500};
// A word of the node's may be lost when it is busy. So long it may be silent while something is
// expected of it, and so long while nothing is, before it is asked.
constexpr std::chrono::seconds kWordExpected{1};
constexpr std::chrono::seconds kWordNow{15};

system::Instant input_now() {
  return std::chrono::steady_clock::now();
}

std::string new_session() {
  return make_uuid7(static_cast<std::uint64_t>(system::SystemClock().unix_ms()));
}

}  // namespace

InputStream::InputStream(const Client& client, json::Object what, std::string family,
                         std::size_t most_held)
    : connection_(client),
      patience_(client.options().silence_limit),
      what_(std::move(what)),
      family_(std::move(family)),
      most_held_(most_held),
      retry_(kFirstTry, kLongestTry) {}
InputStream::InputStream(InputStream&&) noexcept = default;

InputStream::~InputStream() {
  if (connection_.lives() && asked_ && state_ != State::ended) {
    [[maybe_unused]] const Result<bool> told =
        connection_.channel().send_now(kind("close"), connection_.rq(), "{}");
  }
}

Result<InputStream> InputStream::to_container(const Client& client, std::string_view name) {
  InputStream stream(client, {{"of", "container"}, {"name", name}, {"session", new_session()}},
                     "input", kMostHeld);
  TRY(stream.connection_.connect());
  return stream;
}

Result<InputStream> InputStream::to_job(const Client& client, std::string_view job) {
  InputStream stream(client, {{"of", "job"}, {"id", job}, {"session", new_session()}}, "input",
                     kMostHeld);
  TRY(stream.connection_.connect());
  return stream;
}

Result<InputStream> InputStream::to_upload(const Client& client, std::string_view sha256,
                                           std::uint64_t bytes) {
  InputStream stream(client, {{"sha256", sha256}, {"bytes", bytes}}, "upload", kMostHeldOfUpload);
  TRY(stream.connection_.connect());
  return stream;
}

std::string InputStream::kind(std::string_view word) const {
  return fmt::format("{}.{}", family_, word);
}

void InputStream::give(std::string_view bytes) {
  held_ += bytes;
}

/// Has the stream asked for on a live connection, or waits for one until `until`.
Result<> InputStream::reopen(system::Instant until, const system::Stop& stop) {
  asked_ = false;
  if (state_ == State::open) {
    state_ = State::waits;
    connection_.heard();
  }
  what_.set("offset", taken_);
  asked_ = TRY(connection_.open(kind("open"), what_, until, stop));
  if (asked_) {
    finish_sent_ = false;
    next_word_ = input_now() + kWordExpected;
  }
  return {};
}

Result<> InputStream::work(system::Instant until, const system::Stop& stop,
                           std::span<const int> wakes) {
  if (is_over()) {
    return {};
  }
  if (!asked_ || !connection_.lives()) {
    TRY(reopen(until, stop));
    if (!asked_) {
      return {};
    }
  }
  TRY(send_waiting());
  system::Instant next = std::min(until, next_word_);
  if (input_now() < next_send_) {
    next = std::min(next, next_send_);
  }
  const std::optional<Incoming> message = TRY(connection_.channel().receive(next, stop, wakes));
  if (message && message->header.rq == connection_.rq()) {
    connection_.heard();
    TRY(take(*message));
    const bool expects = state_ != State::open || !held_.empty() || finish_sent_;
    next_word_ = input_now() + (expects ? kWordExpected : kWordNow);
  } else if (input_now() >= next_word_) {
    TRY(ask_again());
  }
  return {};
}

Result<bool> InputStream::send(std::string_view kind, const std::string& body,
                               const json::Object& more, std::string_view data) {
  return connection_.channel().send_now(kind, connection_.rq(), body, more, data);
}

Result<> InputStream::send_waiting() {
  if (state_ != State::open || input_now() < next_send_) {
    return {};
  }
  while (sent_ < std::min(credit_, end())) {
    const std::size_t size = std::min<std::uint64_t>(kMostData, std::min(credit_, end()) - sent_);
    const std::string_view data = std::string_view(held_).substr(sent_ - taken_, size);
    const bool sent = TRY(send(kind("data"), "{}", json::Object{{"offset", sent_}}, data));
    if (!sent) {
      constexpr std::chrono::milliseconds kPause{20};
      next_send_ = input_now() + kPause;
      return {};
    }
    sent_ += size;
    next_word_ = std::min(next_word_, input_now() + kWordExpected);
  }
  if (finishes_ && !finish_sent_ && sent_ == end()) {
    finish_sent_ = TRY(send(kind("finish"), json::write(json::Object{{"offset", sent_}})));
    next_word_ = std::min(next_word_, input_now() + kWordExpected);
  }
  return {};
}

/// Whatever was lost comes by this once more: data without bytes are answered as all data are.
Result<> InputStream::ask_again() {
  next_word_ = input_now() + kWordExpected;
  if (state_ != State::open) {
    asked_ = false;
    return {};
  }
  finish_sent_ = false;
  TRY(send(kind("data"), "{}", json::Object{{"offset", sent_}}));
  return {};
}

Result<> InputStream::take(const Incoming& message) {
  const std::string& word = message.header.kind;
  if (word == "error") {
    return refused(read_error(message.body));
  }
  const json::Value body = TRY(json::parse(message.body).context(word));
  return take_word(word, body);
}

Result<> InputStream::refused(Error error) {
  const system::Instant now = input_now();
  refused_since_ = refused_since_.value_or(now);
  if (error.code != Code::unavailable || (is_upload() && now - *refused_since_ >= patience_)) {
    return Failure(std::move(error));
  }
  // It has not begun yet, has no room, or the node has lost sight of us.
  state_ = State::waits;
  asked_ = false;
  connection_.rest_until(now + retry_.next());
  return {};
}

Result<> InputStream::take_word(const std::string& word, const json::Value& body) {
  if (word == "busy") {
    next_send_ = input_now() +
                 std::chrono::milliseconds(std::clamp<std::int64_t>(
                     body.at("retry_after_ms").integer_or(0), 1, kWordExpected.count() * 1000));
    sent_ = taken_;
    finish_sent_ = false;
    return {};
  }
  if (word == kind("end")) {
    state_ = body.at("finished").boolean_or(false) ? State::finished : State::ended;
    return {};
  }
  const bool is_opened = word == kind("opened");
  if (!is_opened && word != kind("taken")) {
    return {};
  }
  if (is_opened && is_upload() && !std::exchange(was_open_, true)) {
    upload_ = body.at("upload").string_or("");
    taken_ = static_cast<std::uint64_t>(std::max<std::int64_t>(body.at("offset").integer_or(0), 0));
  }
  TRY(taken(static_cast<std::uint64_t>(body.at("offset").integer_or(-1))));
  credit_ = static_cast<std::uint64_t>(body.at("until").integer_or(0));
  if (is_opened) {
    state_ = State::open;
    sent_ = taken_;
    retry_ = Resend(kFirstTry, kLongestTry);
  } else if (const std::int64_t* from = body.at("from").integer()) {
    // Bytes from there on did not arrive.
    sent_ = std::clamp(static_cast<std::uint64_t>(*from), taken_, sent_);
    finish_sent_ = false;
  }
  return {};
}

Result<> InputStream::taken(std::uint64_t offset) {
  if (offset > end()) {
    return fail(Code::broken, "{}: the node has taken {} bytes of {} that there were", family_,
                offset, end());
  }
  if (offset > taken_) {
    refused_since_.reset();
    held_.erase(0, offset - taken_);
    taken_ = offset;
    sent_ = std::max(sent_, taken_);
  }
  return {};
}

}  // namespace drover::messaging
