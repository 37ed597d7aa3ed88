#include "fakes/fake_node.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "messaging/message.h"

namespace drover::fakes {
namespace {

constexpr std::chrono::milliseconds kBeacon{20};

bool use_up(int& count) {
  if (count > 0) {
    --count;
    return true;
  }
  return false;
}

}  // namespace

FakeNode::FakeNode(const std::string& name)
    : state_([this](const Event& event) { publish(event); }) {
  state_.node = name;
  jobs_.bind("ipc://" + (bus_ / "jobs.sock").native());
  queries_.bind("ipc://" + (bus_ / "query.sock").native());
  events_.bind("ipc://" + (bus_ / "events.sock").native());
  bind_streams();
  doorkeeper_.bind("inproc://zeromq.zap.01");
  thread_ = std::thread([this] { serve(); });
}

FakeNode::~FakeNode() {
  stop_.request();
  thread_.join();
  for (zmq::socket_t* socket : {&jobs_, &queries_, &streams_, &events_, &doorkeeper_}) {
    socket->set(zmq::sockopt::linger, 0);
    socket->close();
  }
}

void FakeNode::bind_streams() {
  streams_ = zmq::socket_t(context_, zmq::socket_type::router);
  streams_.set(zmq::sockopt::linger, 100);
  streams_.bind(streams_address());
}

/// Ends it first, and waits for that: libzmq does it in a thread of its own, and then takes the
/// socket's file away, whose ever that is by then (ipc_listener.cpp of 4.3.4).
void FakeNode::make_streams_anew() {
  const std::string watched = fmt::format("inproc://ended-{}", ++ended_streams_);
  ASSERT_EQ(zmq_socket_monitor(streams_.handle(), watched.c_str(), ZMQ_EVENT_CLOSED), 0);
  zmq::socket_t told(context_, zmq::socket_type::pair);
  told.set(zmq::sockopt::linger, 0);
  told.set(zmq::sockopt::rcvtimeo, 30'000);
  told.connect(watched);
  streams_.unbind(streams_address());
  zmq::message_t event;
  ASSERT_TRUE(told.recv(event)) << "nobody has ended " << streams_address();
  ASSERT_EQ(zmq_socket_monitor(streams_.handle(), nullptr, 0), 0);
  open_streams_.clear();
  open_inputs_.clear();
  bind_streams();
}

std::string FakeNode::streams_address() const {
  return "ipc://" + (bus_ / "streams.sock").native();
}

void FakeNode::call(const std::function<void(FakeState&, Faults&)>& act) {
  std::promise<void> done;
  calls_.post([&] {
    act(state_, faults_);
    done.set_value();
  });
  done.get_future().wait();
}

std::size_t FakeNode::count(const std::string& kind) {
  std::size_t result = 0;
  call([&](FakeState&, Faults&) { result = counts_[kind]; });
  return result;
}

void FakeNode::serve() {
  auto next_beacon = std::chrono::steady_clock::now();
  for (;;) {
    std::array<zmq::pollitem_t, 6> items = {
        zmq::pollitem_t{jobs_.handle(), 0, ZMQ_POLLIN, 0},
        zmq::pollitem_t{queries_.handle(), 0, ZMQ_POLLIN, 0},
        zmq::pollitem_t{streams_.handle(), 0, ZMQ_POLLIN, 0},
        zmq::pollitem_t{nullptr, stop_.fd(), ZMQ_POLLIN, 0},
        zmq::pollitem_t{nullptr, calls_.fd(), ZMQ_POLLIN, 0},
        zmq::pollitem_t{doorkeeper_.handle(), 0, ZMQ_POLLIN, 0},
    };
    zmq::poll(items.data(), items.size(), kBeacon);
    if (items[3].revents != 0) {
      return;
    }
    for (const auto& act : calls_.take()) {
      act();
    }
    admit();
    take(jobs_);
    take(queries_);
    take(streams_);
    pump();
    if (faults_.beacons && std::chrono::steady_clock::now() >= next_beacon) {
      beacon();
      next_beacon = std::chrono::steady_clock::now() + kBeacon;
    }
  }
}

void FakeNode::take(zmq::socket_t& socket) {
  for (;;) {
    std::vector<std::string> frames;
    for (bool more = true; more;) {
      zmq::message_t frame;
      if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
        return;
      }
      more = frame.more();
      frames.push_back(frame.to_string());
    }
    if (frames.size() != 3 && frames.size() != 4) {
      continue;
    }
    const Result<messaging::Header> header = messaging::read_header(frames[1]);
    if (header) {
      const json::Value* offset = header->all.find("offset");
      handle(socket, Peer{frames[0], header->rq}, header->kind, frames[2],
             offset == nullptr ? 0 : static_cast<std::size_t>(offset->integer_or(0)),
             frames.size() == 4 ? frames[3] : "");
    }
  }
}

void FakeNode::handle(zmq::socket_t& socket, const Peer& peer, const std::string& kind,
                      const std::string& text, std::size_t offset, const std::string& data) {
  ++counts_[kind];
  if (use_up(faults_.drop)) {
    return;
  }
  if (use_up(faults_.busy)) {
    answer(socket, peer, "busy", R"({"retry_after_ms":5})");
    return;
  }
  if (use_up(faults_.garble)) {
    answer(socket, peer, "answer", "{\"seq\": nothing}");
    return;
  }
  if (use_up(faults_.strange)) {
    socket.send(zmq::buffer(peer.identity), zmq::send_flags::sndmore);
    socket.send(zmq::str_buffer("no message"), zmq::send_flags::none);
    return;
  }
  const Result<json::Value> body = json::parse(text);
  if (kind.starts_with("stream.")) {
    handle_stream(peer, kind, body.value());
    return;
  }
  if (kind.starts_with("input.")) {
    handle_input(peer, kind, body.value(), offset, data);
    return;
  }
  if (kind == "terminal.resize") {
    const std::string object(body->at("id").string_or(body->at("name").string_or("")));
    state_.sizes[object].push_back(
        fmt::format("{}x{}", body->at("columns").integer_or(0), body->at("rows").integer_or(0)));
    answer(socket, peer, "answer", "{}");
    return;
  }
  const bool is_job = kind == "job.submit";
  const Result<json::Value> result = is_job ? state_.submit(*body) : state_.query(kind, *body);
  if (use_up(faults_.drop_answers)) {
    return;
  }
  if (!result) {
    answer(socket, peer, "error", messaging::write_error(result.error()));
  } else {
    answer(socket, peer, is_job ? "job.accepted" : "answer", json::write(*result));
  }
}

void FakeNode::answer(zmq::socket_t& socket, const Peer& peer, const std::string& kind,
                      const std::string& body) {
  socket.send(zmq::buffer(peer.identity), zmq::send_flags::sndmore);
  socket.send(zmq::buffer(messaging::write_header(kind, peer.rq)), zmq::send_flags::sndmore);
  socket.send(zmq::buffer(body), zmq::send_flags::none);
}

void FakeNode::publish(const Event& event) {
  if (use_up(faults_.lose_events)) {
    return;
  }
  const std::string topic = topic_of(event, state_.node);
  events_.send(zmq::buffer(topic), zmq::send_flags::sndmore);
  events_.send(zmq::buffer(json::write(to_cloud_event(event, state_.node))), zmq::send_flags::none);
}

void FakeNode::beacon() {
  const std::string body =
      json::write(json::Object{{"node", state_.node},
                               {"epoch", state_.epoch},
                               {"seq", static_cast<std::uint64_t>(state_.events.size())},
                               {"kinds", state_.kind_counts()}});
  events_.send(zmq::buffer(state_.node + ".beacon."), zmq::send_flags::sndmore);
  events_.send(zmq::buffer(body), zmq::send_flags::none);
}

void FakeNode::handle_stream(const Peer& peer, const std::string& kind, const json::Value& body) {
  const std::pair key(peer.identity, peer.rq);
  if (kind == "stream.close") {
    open_streams_.erase(key);
  } else if (kind == "stream.credit") {
    if (const auto found = open_streams_.find(key); found != open_streams_.end()) {
      found->second.credit += static_cast<std::size_t>(body.at("bytes").integer_or(0));
    }
  } else {
    const Result<std::pair<std::string, bool>> log = state_.log(body);
    const std::string_view object = body.at("name").string_or(body.at("id").string_or(""));
    if (!log) {
      answer(streams_, peer, "error", messaging::write_error(log.error()));
    } else if (!faults_.not_written.empty() && object == faults_.not_written) {
      answer(streams_, peer, "error",
             messaging::write_error({Code::unavailable, "nothing was written yet", {}}));
    } else {
      open_streams_[key] = Stream{peer, body,
                                  body.at("tail").integer_or(-1) == 0
                                      ? log->first.size()
                                      : static_cast<std::size_t>(body.at("offset").integer_or(0)),
                                  static_cast<std::size_t>(body.at("credit").integer_or(0))};
    }
  }
}

void FakeNode::open_input(const Peer& peer, const json::Value& body) {
  const std::string session(body.at("session").string_or(""));
  const auto told = [this, &peer](std::string_view kind, json::Object text) {
    answer(streams_, peer, std::string(kind), json::write(std::move(text)));
  };
  Input& input = inputs_[session];
  if (faults_.doubt_input && body.at("offset").integer_or(0) > 0) {
    answer(streams_, peer, "error",
           messaging::write_error({Code::broken, "what it has read is not known", {}}));
  } else if (input.finished) {
    told("input.end", {{"finished", true}});
  } else if (state_.has_ended(body)) {
    told("input.end", {{"message", "it has ended"}});
  } else {
    input.program = body;
    open_inputs_[{peer.identity, peer.rq}] = session;
    told("input.opened", {{"offset", input.taken}, {"until", input.taken + faults_.window}});
  }
}

void FakeNode::handle_input(const Peer& peer, const std::string& kind, const json::Value& body,
                            std::size_t offset, const std::string& data) {
  if (kind == "input.open") {
    open_input(peer, body);
    return;
  }
  const auto open = open_inputs_.find({peer.identity, peer.rq});
  if (open == open_inputs_.end()) {
    answer(streams_, peer, "error",
           messaging::write_error({Code::unavailable, "no input is open", {}}));
    return;
  }
  Input& input = inputs_.at(open->second);
  if (kind == "input.close") {
    open_inputs_.erase(open);
    return;
  }
  if (kind == "input.finish") {
    input.finished = state_.end_input(input.program).has_value();
    answer(streams_, peer, "input.end",
           input.finished ? R"({"finished":true})" : R"({"message":"it has ended"})");
    open_inputs_.erase(open);
    return;
  }
  if (faults_.break_input_at != 0 && offset + data.size() > faults_.break_input_at) {
    faults_.break_input_at = 0;
    make_streams_anew();
    return;
  }
  if (faults_.lose_input_at != 0 && offset + data.size() > faults_.lose_input_at) {
    faults_.lose_input_at = 0;
    return;
  }
  json::Object told;
  if (offset > input.taken) {
    told.set("from", input.taken);
  } else if (offset + data.size() > input.taken) {
    const std::string fresh = data.substr(input.taken - offset);
    input.taken += fresh.size();
    (void)state_.give(input.program, fresh).has_value();
  }
  told.set("offset", input.taken);
  told.set("until", input.taken + faults_.window);
  answer(streams_, peer, "input.taken", json::write(std::move(told)));
}

/// Of programs that have ended.
void FakeNode::end_inputs() {
  for (auto at = open_inputs_.begin(); at != open_inputs_.end();) {
    const auto& [address, session] = *at;
    if (state_.has_ended(inputs_.at(session).program)) {
      answer(streams_, Peer{address.first, address.second}, "input.end",
             R"({"message":"it has ended"})");
      at = open_inputs_.erase(at);
    } else {
      ++at;
    }
  }
}

void FakeNode::pump() {
  end_inputs();
  for (auto at = open_streams_.begin(); at != open_streams_.end();) {
    const std::size_t before = open_streams_.size();
    const bool ended = pump_one(at->second);
    if (before != open_streams_.size()) {
      return;  // the socket was made anew, and with it all streams are gone
    }
    at = ended ? open_streams_.erase(at) : std::next(at);
  }
}

/// True when the stream has come to its end.
bool FakeNode::pump_one(Stream& stream) {
  const auto log = state_.log(stream.body);
  if (!log) {
    return true;
  }
  const auto& [text, grows] = *log;
  const std::size_t gone = faults_.begins > stream.offset ? faults_.begins - stream.offset : 0;
  stream.offset += gone;
  const std::size_t readable = faults_.unreadable_at == 0 ? text.size() : faults_.unreadable_at;
  while (stream.offset < readable && stream.credit > 0) {
    if (faults_.break_at != 0 && stream.offset >= faults_.break_at) {
      faults_.break_at = 0;
      make_streams_anew();
      return true;
    }
    const std::size_t size = std::min({faults_.chunk, stream.credit, readable - stream.offset});
    const bool lost = faults_.skip_at != 0 && stream.offset >= faults_.skip_at;
    if (lost) {
      faults_.skip_at = 0;
    } else {
      json::Object more{{"offset", static_cast<std::uint64_t>(stream.offset)}};
      if (faults_.begins != 0) {
        more.set("raw", true);
      }
      if (gone > 0 && stream.offset == faults_.begins) {
        more.set("gone", static_cast<std::uint64_t>(gone));
      }
      streams_.send(zmq::buffer(stream.peer.identity), zmq::send_flags::sndmore);
      streams_.send(zmq::buffer(messaging::write_header("stream.data", stream.peer.rq, more)),
                    zmq::send_flags::sndmore);
      streams_.send(zmq::str_buffer("{}"), zmq::send_flags::sndmore);
      streams_.send(zmq::buffer(text.substr(stream.offset, size)), zmq::send_flags::none);
    }
    stream.offset += size;
    stream.credit -= size;
  }
  const bool follow = stream.body.at("follow").boolean_or(false) && grows;
  const bool unreadable = faults_.unreadable_at != 0 && stream.offset >= faults_.unreadable_at;
  if (!unreadable && (stream.offset < text.size() || follow)) {
    return false;
  }
  json::Object end{{"offset", static_cast<std::uint64_t>(stream.offset)}};
  if (unreadable) {
    end.set("error", "Input/output error");
  }
  answer(streams_, stream.peer, "stream.end", json::write(end));
  return true;
}

}  // namespace drover::fakes
