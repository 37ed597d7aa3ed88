// The ends of tests/bench/dispatch.py, and what stands between them for comparison.
//   bench_dispatch agents HOST PORT KEYS NAME COUNT DIRECT_PORT
//     COUNT nodes "sim-N" on the link to the dispatcher at HOST:PORT, whose public key is in
//     KEYS/NAME.key. Each accepts every job at once. Prints a line when all are connected, and
//     again whenever all have come back. At DIRECT_PORT one of them is asked without a dispatcher.
//   bench_dispatch relay HOST PORT KEYS NAME
//     as little as can stand there: two ROUTERs with CURVE that pass on what comes, to the agents
//     by turns.
//   bench_dispatch load HOST PORT KEYS NAME COUNT IN_FLIGHT PREFIX
//     sends COUNT jobs, IN_FLIGHT at once, and prints {"per_second":N,"p50_us":N,"p99_us":N}.
// KEYS has NAME.key of the server, agents.key and client.key, as `drover keys new` writes them.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

namespace {

using Clock = std::chrono::steady_clock;

/// No answer for so long is a fault.
constexpr int kSilenceMs = 30'000;
constexpr std::string_view kStopJob =
    R"({{"id":"{0}-{1}","verb":"container.stop","target":"{0}-{1}"}})";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench_dispatch: %s\n", why.c_str());
  std::exit(1);
}

using Message = std::vector<zmq::message_t>;

/// False when none is there.
bool receive(zmq::socket_t& socket, Message& message) {
  message.clear();
  for (bool more = true; more;) {
    zmq::message_t frame;
    if (!socket.recv(frame, message.empty() ? zmq::recv_flags::dontwait : zmq::recv_flags::none)) {
      return false;
    }
    more = frame.more();
    message.push_back(std::move(frame));
  }
  return true;
}

void send(zmq::socket_t& socket, Message& message) {
  for (std::size_t frame = 0; frame < message.size(); ++frame) {
    socket.send(message[frame],
                frame + 1 < message.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

std::string_view text_of(const zmq::message_t& frame) {
  return frame.to_string_view();
}

/// The text between `before` and the next quote.
std::string_view text_behind(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) {
    give_up(fmt::format("no {} in {}", before, text));
  }
  const std::string_view rest = text.substr(at + before.size());
  return rest.substr(0, rest.find('"'));
}

std::size_t number_behind(std::string_view text, std::string_view before) {
  const std::size_t at = text.find(before);
  std::size_t number = 0;
  if (at == std::string_view::npos) {
    give_up(fmt::format("no {} in {}", before, text));
  }
  std::from_chars(text.data() + at + before.size(), text.data() + text.size(), number);
  return number;
}

struct Pair {
  std::string open;
  std::string secret;
};

Pair read_pair(const std::string& folder, const std::string& name) {
  std::ifstream file(folder + "/" + name + ".key");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return {std::string(text_behind(text, "\"public\":\"")),
          std::string(text_behind(text, "\"secret\":\""))};
}

void be_client(zmq::socket_t& socket, const std::string& server, const Pair& own) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::immediate, 1);
  socket.set(zmq::sockopt::reconnect_ivl, 100);
  socket.set(zmq::sockopt::handshake_ivl, 30'000);  // of a thousand, on few processors
  socket.set(zmq::sockopt::curve_serverkey, server);
  socket.set(zmq::sockopt::curve_publickey, own.open);
  socket.set(zmq::sockopt::curve_secretkey, own.secret);
}

void be_server(zmq::socket_t& socket, const Pair& own) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::curve_server, 1);
  socket.set(zmq::sockopt::curve_secretkey, own.secret);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
}

std::string accepted_header(std::string_view header) {
  return fmt::format(R"({{"v":1,"kind":"job.accepted","rq":{}}})",
                     number_behind(header, "\"rq\":"));
}

std::string accepted_body(std::string_view body) {
  return fmt::format(
      R"({{"id":"{}","verb":"container.stop","state":"queued","created_at":1,"attempt":1,"duplicate":false}})",
      text_behind(body, "\"id\":\""));
}

/// One of the simulated nodes.
class Agent {
 public:
  Agent(zmq::context_t& context, std::string name, const std::string& address,
        const std::string& server, const Pair& own)
      : name_(std::move(name)), socket_(context, zmq::socket_type::dealer) {
    be_client(socket_, server, own);
    monitor_address_ = "inproc://monitor-" + name_;
    zmq_socket_monitor(socket_.handle(), monitor_address_.c_str(),
                       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
    monitor_ = zmq::socket_t(context, zmq::socket_type::pair);
    monitor_.connect(monitor_address_);
    socket_.connect(address);
  }

  std::array<int, 2> fds() {
    return {socket_.get(zmq::sockopt::fd), monitor_.get(zmq::sockopt::fd)};
  }
  bool is_connected() const { return connected_; }

  /// Whatever has come. Their descriptors tell of it once.
  void work() {
    for (Message message; receive(monitor_, message);) {
      std::uint16_t event = 0;
      std::copy_n(message.front().data<char>(), sizeof event, reinterpret_cast<char*>(&event));
      connected_ = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
      if (connected_) {
        say("node.hello",
            fmt::format(
                R"({{"epoch":"e-{0}","seq":1,"facts":{{"node":"{0}","labels":{{"role":"sim"}},"total":{{"cpus":64,"memory_mib":65536}},"reserved":{{}},"runtimes":["runc","crun"],"storages":["local"],"bridges":["vmbr0"],"drained":false,"quorate":true,"containers":[]}},"jobs":[]}})",
                name_));
      }
    }
    for (Message message; receive(socket_, message);) {
      take(message);
    }
  }
  void beat() {
    if (connected_) {
      say("node.beat",
          fmt::format(
              R"({{"node":"{0}","epoch":"e-{0}","seq":1,"reserved":{{}},"drained":false,"quorate":true}})",
              name_));
      work();
    }
  }

 private:
  void say(std::string_view kind, const std::string& body) {
    Message message;
    message.emplace_back(std::string_view(R"({"v":1})"));
    message.emplace_back(fmt::format(R"({{"v":1,"kind":"{}","rq":0}})", kind));
    message.emplace_back(body);
    try_send(message);
  }
  void take(Message& message) {
    const std::string_view header = text_of(message.at(1));
    if (header.find("\"job.submit\"") == std::string_view::npos) {
      return;
    }
    Message answer;
    answer.emplace_back(fmt::format(R"({{"v":1,"client":{}}})",
                                    number_behind(text_of(message.at(0)), "\"client\":")));
    answer.emplace_back(accepted_header(header));
    answer.emplace_back(accepted_body(text_of(message.at(2))));
    try_send(answer);
  }
  void try_send(Message& message) {
    // Nobody is there for a moment: as with a real one it is lost.
    if (socket_.send(message[0], zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
      socket_.send(message[1], zmq::send_flags::sndmore);
      socket_.send(message[2], zmq::send_flags::none);
    }
  }

  std::string name_;
  std::string monitor_address_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  bool connected_ = false;
};

void watch(int epoll, int fd, std::uint64_t number) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = number;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    give_up("epoll_ctl");
  }
}

int be_agents(const std::vector<std::string>& words) {
  const std::string& keys = words.at(4);
  const std::size_t count = std::stoul(words.at(6));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, static_cast<int>(4 * count + 64));
  const std::string server = read_pair(keys, words.at(5)).open;
  const Pair own = read_pair(keys, "agents");
  const std::string address = fmt::format("tcp://{}:{}", words.at(2), words.at(3));
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Agent>> agents;
  for (std::size_t number = 0; number < count; ++number) {
    agents.push_back(
        std::make_unique<Agent>(context, fmt::format("sim-{}", number), address, server, own));
    for (const int fd : agents.back()->fds()) {
      watch(epoll, fd, number);
    }
    agents.back()->work();
  }
  zmq::socket_t direct(context, zmq::socket_type::router);
  be_server(direct, own);
  direct.bind(fmt::format("tcp://{}:{}", words.at(2), words.at(7)));
  watch(epoll, direct.get(zmq::sockopt::fd), count);
  auto next_beat = Clock::now();
  bool all_there = false;
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t number = events.at(static_cast<std::size_t>(i)).data.u64;
      if (number < count) {
        agents[number]->work();
      }
    }
    for (Message message; receive(direct, message);) {
      Message answer;
      answer.push_back(std::move(message.at(0)));
      answer.emplace_back(accepted_header(text_of(message.at(1))));
      answer.emplace_back(accepted_body(text_of(message.at(2))));
      send(direct, answer);
    }
    if (Clock::now() >= next_beat) {
      next_beat += std::chrono::seconds(1);
      for (const auto& agent : agents) {
        agent->beat();
      }
    }
    const bool all = std::all_of(agents.begin(), agents.end(),
                                 [](const auto& agent) { return agent->is_connected(); });
    if (all && !all_there) {
      fmt::print("connected\n");
      std::fflush(stdout);
    }
    all_there = all;
  }
}

int relay(const std::vector<std::string>& words) {
  zmq::context_t context;
  const Pair own = read_pair(words.at(4), words.at(5));
  const int port = std::stoi(words.at(3));
  zmq::socket_t agents(context, zmq::socket_type::router);
  zmq::socket_t clients(context, zmq::socket_type::router);
  be_server(agents, own);
  be_server(clients, own);
  agents.bind(fmt::format("tcp://{}:{}", words.at(2), port));
  clients.bind(fmt::format("tcp://{}:{}", words.at(2), port + 1));
  std::vector<std::string> known;
  std::vector<std::string> peers;
  std::size_t turn = 0;
  for (;;) {
    std::array<zmq::pollitem_t, 2> items = {zmq::pollitem_t{agents.handle(), 0, ZMQ_POLLIN, 0},
                                            zmq::pollitem_t{clients.handle(), 0, ZMQ_POLLIN, 0}};
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(-1));
    for (Message message; receive(agents, message);) {
      const std::string_view envelope = text_of(message.at(1));
      if (envelope.find("client") == std::string_view::npos) {
        if (text_of(message.at(2)).find("hello") != std::string_view::npos) {
          known.push_back(message.at(0).to_string());
        }
        continue;
      }
      Message answer;
      answer.emplace_back(peers.at(number_behind(envelope, "\"client\":")));
      answer.push_back(std::move(message.at(2)));
      answer.push_back(std::move(message.at(3)));
      send(clients, answer);
    }
    for (Message message; receive(clients, message);) {
      const auto peer = std::find(peers.begin(), peers.end(), text_of(message.at(0)));
      const auto number = static_cast<std::size_t>(peer - peers.begin());
      if (peer == peers.end()) {
        peers.push_back(message.at(0).to_string());
      }
      Message request;
      request.emplace_back(known.at(turn++ % known.size()));
      request.emplace_back(fmt::format(R"({{"v":1,"client":{}}})", number));
      request.push_back(std::move(message.at(1)));
      request.push_back(std::move(message.at(2)));
      send(agents, request);
    }
  }
}

class Load {
 public:
  Load(const std::string& address, const std::string& server, const Pair& own, std::string prefix,
       std::size_t count)
      : prefix_(std::move(prefix)), sent_at_(count), took_us_(count, -1) {
    be_client(socket_, server, own);
    socket_.connect(address);
  }

  /// In seconds.
  double work(std::size_t in_flight) {
    const auto began = Clock::now();
    std::size_t sent = 0;
    std::size_t answered = 0;
    while (answered < sent_at_.size()) {
      while (sent < sent_at_.size() && sent - answered < in_flight) {
        ask(sent++);
      }
      std::array<zmq::pollitem_t, 1> items = {zmq::pollitem_t{socket_.handle(), 0, ZMQ_POLLIN, 0}};
      if (zmq::poll(items.data(), items.size(), std::chrono::milliseconds(kSilenceMs)) == 0) {
        give_up("no answer");
      }
      for (Message message; receive(socket_, message); ++answered) {
        take(message);
      }
    }
    return std::chrono::duration<double>(Clock::now() - began).count();
  }

  double took_us(double part) {
    std::sort(took_us_.begin(), took_us_.end());
    return took_us_[static_cast<std::size_t>(part * static_cast<double>(took_us_.size() - 1))];
  }

 private:
  void ask(std::size_t number) {
    Message message;
    message.emplace_back(
        fmt::format(R"({{"v":1,"kind":"job.submit","rq":{},"to":"any"}})", number));
    message.emplace_back(fmt::format(fmt::runtime(kStopJob), prefix_, number));
    sent_at_[number] = Clock::now();
    send(socket_, message);
  }
  void take(const Message& message) {
    const std::string_view header = text_of(message.front());
    if (header.find("job.accepted") == std::string_view::npos) {
      give_up("an answer that does not accept: " + message.back().to_string());
    }
    const std::size_t number = number_behind(header, "\"rq\":");
    took_us_.at(number) =
        std::chrono::duration<double, std::micro>(Clock::now() - sent_at_.at(number)).count();
  }

  const std::string prefix_;
  zmq::context_t context_;
  zmq::socket_t socket_{context_, zmq::socket_type::dealer};
  std::vector<Clock::time_point> sent_at_;
  std::vector<double> took_us_;
};

int load(const std::vector<std::string>& words) {
  const std::size_t count = std::stoul(words.at(6));
  Load jobs(fmt::format("tcp://{}:{}", words.at(2), words.at(3)),
            read_pair(words.at(4), words.at(5)).open, read_pair(words.at(4), "client"), words.at(8),
            count);
  const double seconds = jobs.work(std::stoul(words.at(7)));
  fmt::print("{{\"per_second\":{:.0f},\"p50_us\":{:.0f},\"p99_us\":{:.0f}}}\n",
             static_cast<double>(count) / seconds, jobs.took_us(0.5), jobs.took_us(0.99));
  return 0;
}

}  // namespace

int main(int count, char** values) {
  const std::vector<std::string> words(values, values + count);
  if (words.size() == 8 && words[1] == "agents") {
    return be_agents(words);
  }
  if (words.size() == 6 && words[1] == "relay") {
    return relay(words);
  }
  if (words.size() == 9 && words[1] == "load") {
    return load(words);
  }
  std::fprintf(stderr,
               "bench_dispatch agents HOST PORT KEYS NAME COUNT DIRECT_PORT | relay HOST PORT KEYS "
               "NAME | load HOST PORT KEYS NAME COUNT IN_FLIGHT PREFIX\n");
  return 2;
}
