#include "fakes/fake_dispatcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <random>

#include "messaging/dispatch/target.h"
#include "messaging/message.h"

namespace drover::fakes {
namespace {

std::vector<std::string> frames_of(zmq::socket_t& socket) {
  std::vector<std::string> frames;
  for (bool more = true; more;) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
      return {};
    }
    more = frame.more();
    frames.push_back(frame.to_string());
  }
  return frames;
}

void send_all(zmq::socket_t& socket, const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    socket.send(zmq::buffer(frames[i]),
                i + 1 == frames.size() ? zmq::send_flags::none : zmq::send_flags::sndmore);
  }
}

const char* socket_for(const std::string& kind) {
  return kind == "job.submit"         ? "jobs.sock"
         : kind.starts_with("query.") ? "query.sock"
                                      : "streams.sock";
}

}  // namespace

FakeDispatcher::FakeDispatcher(std::vector<FakeNode*> nodes) {
  for (FakeNode* node : nodes) {
    std::string name;
    node->call([&](FakeState& state, FakeNode::Faults&) { name = state.node; });
    nodes_[name] = node;
    dispatch::NodeFacts facts;
    facts.name = name;
    facts.total = {8000, 16'384, 100'000};
    facts.runtimes = {"crun", "runc"};
    state_.facts[name] = facts;
    zmq::socket_t& heard =
        heard_.emplace(name, zmq::socket_t(context_, zmq::socket_type::sub)).first->second;
    heard.set(zmq::sockopt::subscribe, "");
    heard.connect("ipc://" + (node->bus() / "events.sock").native());
  }
  clients_.set(zmq::sockopt::linger, 0);
  clients_.bind("ipc://" + (bus_ / "clients.sock").native());
  events_.bind("ipc://" + (bus_ / "events.sock").native());
  doorkeeper_.bind("inproc://zeromq.zap.01");
  thread_ = std::thread([this] { serve(); });
}

FakeDispatcher::~FakeDispatcher() {
  stop_.request();
  thread_.join();
  backends_.clear();
  heard_.clear();
  for (zmq::socket_t* socket : {&clients_, &events_, &doorkeeper_}) {
    socket->set(zmq::sockopt::linger, 0);
    socket->close();
  }
}

void FakeDispatcher::call(const std::function<void(State&)>& act) {
  std::promise<void> done;
  calls_.post([&] {
    act(state_);
    done.set_value();
  });
  done.get_future().wait();
}

int FakeDispatcher::count(const std::string& kind) {
  int result = 0;
  call([&](State& state) { result = state.counts[kind]; });
  return result;
}

std::uint16_t FakeDispatcher::serve_tcp(const KeyPair& own) {
  std::random_device random;
  std::uint16_t first = 0;
  call([&](State&) {
    for (int tries = 0; first == 0 && tries < 100; ++tries) {
      const auto port = static_cast<std::uint16_t>(20'000 + random() % 40'000);
      first = bind_tcp(own, port) ? port : 0;
    }
  });
  EXPECT_NE(first, 0) << "no two free ports";
  return first;
}

bool FakeDispatcher::bind_tcp(const KeyPair& own, std::uint16_t first) {
  const std::array<zmq::socket_t*, 2> sockets = {&clients_, &events_};
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    sockets.at(i)->set(zmq::sockopt::curve_server, true);
    sockets.at(i)->set(zmq::sockopt::curve_secretkey, std::string(own.secret_key.text()));
    sockets.at(i)->set(zmq::sockopt::zap_domain, "fake");
    try {
      sockets.at(i)->bind(fmt::format("tcp://127.0.0.1:{}", first + 1 + i));
    } catch (const zmq::error_t&) {
      if (i > 0) {
        clients_.unbind(fmt::format("tcp://127.0.0.1:{}", first + 1));
      }
      return false;
    }
  }
  return true;
}

void FakeDispatcher::admit() {
  for (;;) {
    // version, number, domain, address, identity, mechanism, key
    const std::vector<std::string> frames = frames_of(doorkeeper_);
    constexpr std::size_t kFrames = 7;
    if (frames.size() != kFrames) {
      return;
    }
    std::array<char, kKeyText + 1> key{};
    zmq_z85_encode(key.data(), reinterpret_cast<const std::uint8_t*>(frames[6].data()),
                   frames[6].size());
    const bool is_allowed = state_.allowed.contains(key.data());
    send_all(doorkeeper_, {"1.0", frames[1], is_allowed ? "200" : "300", "", key.data(), ""});
  }
}

void FakeDispatcher::serve() {
  for (;;) {
    std::vector<zmq::pollitem_t> items = {zmq::pollitem_t{nullptr, stop_.fd(), ZMQ_POLLIN, 0},
                                          zmq::pollitem_t{nullptr, calls_.fd(), ZMQ_POLLIN, 0},
                                          zmq::pollitem_t{clients_.handle(), 0, ZMQ_POLLIN, 0},
                                          zmq::pollitem_t{doorkeeper_.handle(), 0, ZMQ_POLLIN, 0}};
    for (auto& [name, socket] : heard_) {
      items.push_back(zmq::pollitem_t{socket.handle(), 0, ZMQ_POLLIN, 0});
    }
    for (auto& [key, backend] : backends_) {
      items.push_back(zmq::pollitem_t{backend.socket.handle(), 0, ZMQ_POLLIN, 0});
    }
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(-1));
    if (items[0].revents != 0) {
      return;
    }
    for (const auto& act : calls_.take()) {
      act();
    }
    admit();
    take_requests();
    for (auto& [key, backend] : backends_) {
      take_answers(backend);
    }
    for (auto& [name, socket] : heard_) {
      pass_events(name, socket);
    }
  }
}

void FakeDispatcher::pass_events(const std::string& node, zmq::socket_t& socket) {
  for (;;) {
    const std::vector<std::string> frames = frames_of(socket);
    if (frames.size() != 2) {
      return;
    }
    const bool is_beacon = frames[0] == node + ".beacon.";
    if (state_.dead.contains(node) || state_.mute) {
      continue;
    }
    if (!is_beacon && state_.lose_events > 0) {
      --state_.lose_events;
      continue;
    }
    send_all(events_, frames);
  }
}

void FakeDispatcher::take_requests() {
  for (;;) {
    std::vector<std::string> frames = frames_of(clients_);
    if (frames.size() != 3 && frames.size() != 4) {
      if (frames.empty()) {
        return;
      }
      continue;
    }
    Result<messaging::Header> header = messaging::read_header(frames[1]);
    if (header) {
      ++state_.counts[header->kind];
      handle(Request{frames[0], frames[1], std::move(*header), frames[2],
                     frames.size() == 4 ? frames[3] : ""});
    }
  }
}

void FakeDispatcher::answer(const Request& request, const std::string& kind,
                            const std::string& body, const std::string& node) {
  if (state_.mute) {
    return;
  }
  json::Object more;
  if (!node.empty()) {
    more.set("node", node);
  }
  send_all(clients_,
           {request.client, messaging::write_header(kind, request.header.rq, more), body});
}

void FakeDispatcher::refuse(const Request& request, const Error& error, const std::string& node) {
  answer(request, "error", messaging::write_error(error), node);
}

dispatch::Candidates FakeDispatcher::candidates() {
  dispatch::Candidates all;
  for (auto& [name, facts] : state_.facts) {
    facts.liveness =
        state_.dead.contains(name) ? dispatch::Liveness::dead : dispatch::Liveness::alive;
    all.push_back(&facts);
  }
  return all;
}

Result<std::string> FakeDispatcher::place(const Request& request) {
  const Result<json::Value> body = json::parse(request.body);
  const std::string id(body ? body->at("id").string_or("") : "");
  const json::Array places = places_of(id);
  if (!places.empty()) {
    return std::string(places.front().at("node").string_or(""));
  }
  const json::Value* needs = request.header.all.find("needs");
  dispatch::PlacementQuestion question{id, {}, {}};
  if (needs != nullptr) {
    question.needs = TRY(dispatch::read_job_needs(*needs));
  }
  const dispatch::NodeFacts* chosen = dispatch::choose(question, candidates());
  if (chosen == nullptr) {
    return fail(Code::unavailable, "no node fits");
  }
  return chosen->name;
}

void FakeDispatcher::handle(const Request& request) {
  const std::string& kind = request.header.kind;
  if (kind.starts_with("dispatch.")) {
    handle_own(request);
    return;
  }
  if (kind == "job.submit") {
    state_.submitted.push_back(request.header.all);
  }
  const json::Value* to = request.header.all.find("to");
  const bool is_query = kind.starts_with("query.");
  if (to == nullptr && !is_query) {
    refuse(request, {Code::invalid, "the header's \"to\" must name a node", {}});
    return;
  }
  const std::string text(to == nullptr ? "all" : to->string_or(""));
  if (text == "any") {
    const Result<std::string> node = place(request);
    if (node) {
      forward(request, *node);
    } else {
      refuse(request, node.error());
    }
    return;
  }
  const Result<dispatch::Target> target = dispatch::Target::parse(text);
  if (!target) {
    refuse(request, target.error());
    return;
  }
  json::Array meant;
  std::vector<std::string> names;
  for (const auto& [name, facts] : state_.facts) {
    names.push_back(name);
    if (target->fits(name, facts.labels)) {
      meant.emplace_back(name);
    }
  }
  const bool is_one = text.find_first_of(",*? =!~()") == std::string::npos && text != "all";
  if (is_one && meant.empty()) {
    refuse(request, {Code::not_found, fmt::format("there is no node {}", text), {}});
    return;
  }
  if (!is_one) {
    json::Array unknown;
    for (const std::string& name : target->unknown(names)) {
      unknown.emplace_back(name);
    }
    answer(request, is_query ? "query.sent" : "job.sent",
           json::write(json::Object{{"nodes", meant}, {"unknown", std::move(unknown)}}));
  }
  for (const json::Value& node : meant) {
    forward(request, std::string(node.string_or("")));
  }
}

void FakeDispatcher::forward(const Request& request, const std::string& node) {
  if (state_.dead.contains(node)) {
    refuse(request, {Code::unavailable, fmt::format("node {} is dead since 14:03:05", node), {}},
           node);
    return;
  }
  const std::string socket = socket_for(request.header.kind);
  const std::tuple key(request.client, node, socket);
  auto found = backends_.find(key);
  if (found == backends_.end()) {
    zmq::socket_t made(context_, zmq::socket_type::dealer);
    made.set(zmq::sockopt::linger, 0);
    made.connect("ipc://" + (nodes_.at(node)->bus() / socket).native());
    found = backends_.emplace(key, Backend{request.client, node, std::move(made)}).first;
  }
  std::vector<std::string> frames = {request.header_text, request.body};
  if (!request.data.empty()) {
    frames.push_back(request.data);
  }
  send_all(found->second.socket, frames);
}

void FakeDispatcher::take_answers(Backend& backend) {
  for (;;) {
    std::vector<std::string> frames = frames_of(backend.socket);
    if (frames.empty()) {
      return;
    }
    const Result<messaging::Header> header = messaging::read_header(frames[0]);
    if (!header || state_.mute || state_.dead.contains(backend.node)) {
      continue;
    }
    json::Object members = header->all;
    members.set("node", backend.node);
    frames[0] = json::write(members);
    frames.insert(frames.begin(), backend.client);
    send_all(clients_, frames);
  }
}

}  // namespace drover::fakes
