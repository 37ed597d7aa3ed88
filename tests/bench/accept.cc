// The two ends of tests/bench/accept.py.
//   bench_accept floor SOCKET DATABASE
//     serves SOCKET as little as can be: all that has come is written by one transaction of SQLite,
//     which is on the disk (WAL, synchronous FULL), then each is sent back.
//   bench_accept load SOCKET run|stop PREFIX COUNT IN_FLIGHT
//     sends COUNT jobs, IN_FLIGHT of them at once, and prints
//     {"per_second":N,"p50_us":N,"p99_us":N}. Ends with 1 when an answer is none that accepts.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

namespace {

using Clock = std::chrono::steady_clock;

/// No answer for so long is a fault.
constexpr int kSilenceMs = 30'000;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench_accept: %s\n", why.c_str());
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

bool await(zmq::socket_t& socket, int timeout_ms) {
  std::array<zmq::pollitem_t, 1> items = {zmq::pollitem_t{socket.handle(), 0, ZMQ_POLLIN, 0}};
  return zmq::poll(items.data(), items.size(), std::chrono::milliseconds(timeout_ms)) > 0;
}

/// What there is to know of one of them is its id and its text.
class Table {
 public:
  explicit Table(const char* path) {
    check(sqlite3_open(path, &database_));
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=FULL");
    execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID");
    check(sqlite3_prepare_v2(database_, "INSERT INTO jobs VALUES (?, ?)", -1, &insert_, nullptr));
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }
  void execute(const char* what) {
    check(sqlite3_exec(database_, what, nullptr, nullptr, nullptr));
  }
  void insert(std::string_view id, std::string_view body) {
    sqlite3_bind_text(insert_, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
    sqlite3_bind_text(insert_, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
    if (sqlite3_step(insert_) != SQLITE_DONE) {
      check(SQLITE_ERROR);
    }
    check(sqlite3_reset(insert_));
  }

 private:
  void check(int result) const {
    if (result != SQLITE_OK) {
      give_up(sqlite3_errmsg(database_));
    }
  }
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

/// The value of the body's first member.
std::string_view id_of(std::string_view body) {
  constexpr std::string_view kBegin = "{\"id\":\"";
  return body.substr(kBegin.size(), body.find('"', kBegin.size()) - kBegin.size());
}

int serve(const std::string& socket_path, const char* database) {
  Table table(database);
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::router);
  socket.bind("ipc://" + socket_path);
  std::vector<Message> taken;
  for (;;) {
    await(socket, -1);
    taken.clear();
    for (Message message; receive(socket, message);) {
      taken.push_back(std::move(message));
    }
    table.execute("BEGIN");
    for (const Message& message : taken) {
      const std::string_view body = message.back().to_string_view();
      table.insert(id_of(body), body);
    }
    table.execute("COMMIT");
    for (Message& message : taken) {
      send(socket, message);
    }
  }
}

std::size_t number_behind(std::string_view text, std::string_view key) {
  std::size_t number = 0;
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) {
    give_up("an answer without a number: " + std::string(text));
  }
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  return number;
}

class Load {
 public:
  Load(const std::string& socket_path, bool run, std::string prefix, std::size_t count)
      : run_(run), prefix_(std::move(prefix)), sent_at_(count), took_us_(count, -1) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.connect("ipc://" + socket_path);
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
      if (!await(socket_, kSilenceMs)) {
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
    message.emplace_back(fmt::format("{{\"v\":1,\"kind\":\"job.submit\",\"rq\":{}}}", number));
    const std::string name = fmt::format("{}-{}", prefix_, number);
    message.emplace_back(
        run_ ? fmt::format("{{\"id\":\"{0}\",\"verb\":\"container.run\",\"target\":\"{0}\","
                           "\"spec\":{{\"runtime\":\"crun\",\"command\":[\"sleep\",\"100000\"],"
                           "\"env\":{{\"PLACE\":\"here\"}},\"resources\":{{\"memory_mib\":64}}}}}}",
                           name)
             : fmt::format("{{\"id\":\"{0}\",\"verb\":\"container.stop\",\"target\":\"{0}\"}}",
                           name));
    sent_at_[number] = Clock::now();
    send(socket_, message);
  }
  void take(const Message& message) {
    const std::string_view header = message.front().to_string_view();
    // The floor sends back what it was sent.
    if (header.find("job.accepted") == std::string_view::npos &&
        header.find("job.submit") == std::string_view::npos) {
      give_up(message.back().to_string());
    }
    const std::size_t number = number_behind(header, "\"rq\":");
    took_us_.at(number) =
        std::chrono::duration<double, std::micro>(Clock::now() - sent_at_.at(number)).count();
  }

  const bool run_;
  const std::string prefix_;
  zmq::context_t context_;
  zmq::socket_t socket_{context_, zmq::socket_type::dealer};
  std::vector<Clock::time_point> sent_at_;
  std::vector<double> took_us_;
};

int load(const std::vector<std::string>& words) {
  const std::size_t count = std::stoul(words.at(5));
  Load jobs(words.at(2), words.at(3) == "run", words.at(4), count);
  const double seconds = jobs.work(std::stoul(words.at(6)));
  fmt::print("{{\"per_second\":{:.0f},\"p50_us\":{:.0f},\"p99_us\":{:.0f}}}\n",
             static_cast<double>(count) / seconds, jobs.took_us(0.5), jobs.took_us(0.99));
  return 0;
}

}  // namespace

int main(int count, char** values) {
  const std::vector<std::string> words(values, values + count);
  if (words.size() == 4 && words[1] == "floor") {
    return serve(words[2], words[3].c_str());
  }
  if (words.size() == 7 && words[1] == "load") {
    return load(words);
  }
  std::fprintf(
      stderr, "bench_accept floor SOCKET DATABASE | load SOCKET run|stop PREFIX COUNT IN_FLIGHT\n");
  return 2;
}
