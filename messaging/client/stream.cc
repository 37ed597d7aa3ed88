#include "messaging/client/stream.h"

#include <algorithm>
#include <utility>

#include "messaging/client/channel.h"

namespace drover::messaging {
namespace {

// How soon a log that was not written yet is asked for again.
constexpr std::chrono::milliseconds kFirstRetry{50};
constexpr std::chrono::milliseconds kLongestRetry{1000};

}  // namespace

Stream::Stream(const Client& client, json::Object what, const StreamOptions& options)
    : connection_(client),
      what_(std::move(what)),
      window_(std::max<std::uint64_t>(options.window, 1)),
      offset_(options.offset),
      retry_(kFirstRetry, kLongestRetry) {
  what_.set("follow", options.follow);
  if (options.tail) {
    what_.set("tail", *options.tail);
  }
  if (options.since_unix_ms) {
    what_.set("since", *options.since_unix_ms);
  }
  seeks_ = options.tail || options.since_unix_ms;
}
Stream::Stream(Stream&&) noexcept = default;

Stream::~Stream() {
  if (connection_.lives() && open_ && !ended_) {
    // Without it the node finds out when it can send no more.
    [[maybe_unused]] const Result<bool> told =
        connection_.channel().send_now("stream.close", connection_.rq(), "{}");
  }
}

Result<Stream> Stream::container_log(const Client& client, std::string_view name,
                                     const StreamOptions& options) {
  Stream stream(client, json::Object{{"of", "container.log"}, {"name", name}}, options);
  TRY(stream.connection_.connect());
  return stream;
}

Result<Stream> Stream::job_log(const Client& client, std::string_view job,
                               const StreamOptions& options) {
  Stream stream(client, json::Object{{"of", "job.log"}, {"id", job}}, options);
  TRY(stream.connection_.connect());
  return stream;
}

/// Has the stream opened on a live connection, or waits for one until `until`.
Result<> Stream::reopen(system::Instant until, const system::Stop& stop) {
  if (std::exchange(open_, false) && !connection_.lives()) {
    connection_.heard();
  }
  what_.set("offset", offset_);
  what_.set("credit", window_);
  open_ = TRY(connection_.open("stream.open", what_, until, stop));
  read_ = open_ ? 0 : read_;
  heard();
  return {};
}

/// A node behind a dispatcher may have lost the stream, or the end of it on its way, and all that
/// is to be seen of it here is silence.
void Stream::heard() {
  constexpr std::chrono::seconds kDoubt{10};
  if (connection_.is_behind_dispatcher()) {
    next_doubt_ = std::chrono::steady_clock::now() + kDoubt;
  }
}

Result<std::optional<std::string>> Stream::next(system::Instant until, const system::Stop& stop) {
  while (!ended_) {
    if (!open_ || !connection_.lives()) {
      TRY(reopen(until, stop));
    }
    if (open_) {
      std::optional<Incoming> message =
          TRY(connection_.channel().receive(std::min(until, next_doubt_), stop));
      if (message && message->header.rq == connection_.rq()) {
        heard();
        std::optional<std::string> data = TRY(take(message->header.kind, message->header.all,
                                                   message->body, std::move(message->data)));
        if (data) {
          return data;
        }
        continue;
      }
      if (connection_.lives() && std::chrono::steady_clock::now() >= next_doubt_) {
        TRY(connection_.channel().send_now("stream.close", connection_.rq(), "{}"));
        open_ = false;
      }
    }
    if (std::chrono::steady_clock::now() >= until) {
      break;
    }
  }
  return std::optional<std::string>();
}

Result<std::optional<std::string>> Stream::take(const std::string& kind, const json::Object& header,
                                                const std::string& body, std::string data) {
  if (kind == "error") {
    Error error = read_error(body);
    if (error.code != Code::unavailable || !what_.find("follow")->boolean_or(false)) {
      return Failure(std::move(error));
    }
    // The log does not exist yet, or the node is not ready: it is asked for again.
    open_ = false;
    connection_.rest_until(std::chrono::steady_clock::now() + retry_.next());
    return std::optional<std::string>();
  }
  if (kind == "stream.data") {
    return take_data(header, std::move(data));
  }
  if (kind == "stream.end") {
    const json::Value end = TRY(json::parse(body).context("stream.end"));
    if (const std::string why(end.at("error").string_or("")); !why.empty()) {
      return fail(Code::broken, "the log could not be read beyond byte {}: {}", offset_, why);
    }
    found(static_cast<std::uint64_t>(end.at("offset").integer_or(0)));
    if (end.at("offset").integer_or(0) > static_cast<std::int64_t>(offset_)) {
      open_ = false;  // the bytes before it were lost: once more from where we are
    } else {
      ended_ = true;
    }
  }
  return std::optional<std::string>();
}

Result<std::optional<std::string>> Stream::take_data(const json::Object& header, std::string data) {
  const json::Value* member = header.find("offset");
  const std::int64_t* at = member == nullptr ? nullptr : member->integer();
  if (at == nullptr || *at < 0) {
    return fail(Code::broken, "stream.data: its header has no offset");
  }
  const std::uint64_t start = static_cast<std::uint64_t>(*at);
  found(start);
  TRY(give_credit(data.size()));
  const json::Value* gone = header.find("gone");
  const std::int64_t missing = gone == nullptr ? 0 : gone->integer_or(0);
  if (missing > 0 && start > offset_ && start - offset_ <= static_cast<std::uint64_t>(missing)) {
    offset_ = start;  // the node does not have them any more
  }
  const json::Value* raw = header.find("raw");
  raw_ = raw != nullptr && raw->boolean_or(false);
  if (start > offset_) {
    // Bytes are missing: a new stream from where we are.
    TRY(connection_.channel().send_now("stream.close", connection_.rq(), "{}"));
    open_ = false;
    return std::optional<std::string>();
  }
  const std::uint64_t known = std::min<std::uint64_t>(offset_ - start, data.size());
  data.erase(0, known);
  offset_ += data.size();
  if (data.empty()) {
    return std::optional<std::string>();
  }
  return std::optional<std::string>(std::move(data));
}

/// A stream that is opened anew goes on from there.
void Stream::found(std::uint64_t offset) {
  if (std::exchange(seeks_, false)) {
    offset_ = offset;
    what_.erase("tail");
    what_.erase("since");
  }
}

Result<> Stream::give_credit(std::uint64_t bytes) {
  read_ += bytes;
  if (read_ * 2 < window_) {
    return {};
  }
  const bool sent = TRY(connection_.channel().send_now(
      "stream.credit", connection_.rq(), json::write(json::Object{{"bytes", read_}})));
  // What could not be sent is given with the next chunk, or not needed because the connection went.
  if (sent) {
    read_ = 0;
  }
  return {};
}

}  // namespace drover::messaging
