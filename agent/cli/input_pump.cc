#include "agent/cli/input_pump.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <vector>

namespace drover::cli {
namespace {

// One wait; whatever is waited for ends it sooner. Where there is no connection keys are looked at
// as often.
constexpr std::chrono::milliseconds kTurn{200};
// A size that nobody takes is asked for once more when it changes.
constexpr std::chrono::seconds kSizeTime{1};

bool is_readable(int fd) {
  pollfd ready{fd, POLLIN, 0};
  return poll(&ready, 1, 0) > 0 && ready.revents != 0;
}

}  // namespace

void add_input_flags(CLI::App& command, InputFlags& flags) {
  command.add_flag("-i,--interactive", flags.input, "The program reads our standard input");
  command.add_flag("-t,--tty", flags.terminal,
                   "The program has a terminal, which with -i is this one");
  add_detach_keys(command, flags);
}

void add_detach_keys(CLI::App& command, InputFlags& flags) {
  command
      .add_option("--detach-keys", flags.detach_keys,
                  std::string("Typed with -i and -t they leave the program running (default: ") +
                      DetachKeys::kUsual + "); \"\" for none")
      ->type_name("KEYS");
}

void add_terminal_kind(std::map<std::string, std::string>& env) {
  if (const char* const kind = std::getenv("TERM"); kind != nullptr) {
    env.try_emplace("TERM", kind);
  }
}

Result<DetachKeys> check_input(const InputFlags& flags) {
  DetachKeys keys = TRY(DetachKeys::parse(flags.detach_keys));
  if (flags.input && flags.terminal && isatty(STDIN_FILENO) == 0) {
    return fail(Code::invalid,
                "--tty: standard input is no terminal that the program could have; leave out -t");
  }
  return keys;
}

InputPump::InputPump(const Session& session, const system::Stop& interrupt, Options options)
    : session_(session), interrupt_(interrupt), options_(std::move(options)) {}

Result<std::unique_ptr<InputPump>> InputPump::start(const Session& session,
                                                    const system::Stop& interrupt,
                                                    Options options) {
  std::unique_ptr<InputPump> pump(new InputPump(session, interrupt, std::move(options)));
  pump->client_ = TRY(session.node.connect());
  pump->client_->set_target(pump->options_.node);
  pump->thread_ = std::thread([pump = pump.get()] {
    const Result<> ended = pump->run();
    if (!ended && !pump->done_.requested() && !pump->interrupt_.requested()) {
      pump->error_ = ended.error();
    }
    pump->leave_.request();
  });
  return pump;
}

void InputPump::end() {
  done_.request();
  if (thread_.joinable()) {
    thread_.join();
  }
  raw_.reset();
}

Result<> InputPump::run() {
  std::optional<messaging::InputStream> stream;
  if (options_.input) {
    stream.emplace(TRY(options_.of_job
                           ? messaging::InputStream::to_job(*client_, options_.object)
                           : messaging::InputStream::to_container(*client_, options_.object)));
  } else {
    size_passed_ = !options_.terminal;
  }
  while (!done_.requested() && !interrupt_.requested() && !detached_) {
    TRY(turn(stream ? &*stream : nullptr));
  }
  if (detached_) {
    TRY(stream->work(client_->in(std::chrono::milliseconds(0)), done_));  // what was typed before
  }
  return {};
}

Result<> InputPump::turn(messaging::InputStream* stream) {
  TRY(wait(stream));
  if (is_readable(session_.interrupt.resized())) {
    eventfd_t count = 0;
    eventfd_read(session_.interrupt.resized(), &count);
    size_passed_ = !options_.terminal;
  }
  if (stream != nullptr && stream->state() == messaging::InputStream::State::open && !open_) {
    open_ = true;
    TRY(begin_typing());
  }
  if (passes_size(stream)) {
    pass_size();
  }
  if (stream != nullptr && open_ && !all_read_ && stream->room() > 0 && is_readable(STDIN_FILENO)) {
    read_input(*stream);
  }
  return {};
}

Result<> InputPump::wait(messaging::InputStream* stream) {
  using State = messaging::InputStream::State;
  std::vector<int> wakes = {session_.interrupt.resized(), interrupt_.fd()};
  if (stream == nullptr || stream->state() == State::finished || stream->state() == State::ended) {
    all_read_ = true;
    std::array<pollfd, 3> ready = {
        {{wakes[0], POLLIN, 0}, {wakes[1], POLLIN, 0}, {done_.fd(), POLLIN, 0}}};
    poll(ready.data(), ready.size(), passes_size(stream) ? 0 : -1);
    return {};
  }
  if (open_ && !all_read_ && stream->room() > 0) {
    wakes.push_back(STDIN_FILENO);
  }
  return stream->work(client_->in(kTurn), done_, wakes);
}

Result<> InputPump::begin_typing() {
  if (options_.terminal) {
    raw_.emplace(TRY(RawTerminal::take(STDIN_FILENO)));
    size_passed_ = false;  // it may have changed while the program was not there
  }
  return {};
}

void InputPump::read_input(messaging::InputStream& stream) {
  std::array<char, 64 * 1024> buffer{};
  const ssize_t size = read(STDIN_FILENO, buffer.data(), std::min(buffer.size(), stream.room()));
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    return;
  }
  if (size <= 0) {
    all_read_ = true;
    stream.finish();
    return;
  }
  const std::string_view read_bytes(buffer.data(), static_cast<std::size_t>(size));
  if (!options_.terminal) {
    stream.give(read_bytes);
    return;
  }
  stream.give(options_.keys.pass(read_bytes));
  detached_ = options_.keys.complete();
}

/// Of a program that is waited for the size is asked once it is there.
bool InputPump::passes_size(const messaging::InputStream* stream) const {
  return !size_passed_ && (open_ || stream == nullptr);
}

void InputPump::pass_size() {
  size_passed_ = true;
  const TerminalSize size = terminal_size();
  json::Object body{{"of", options_.of_job ? "job" : "container"},
                    {options_.of_job ? "id" : "name", options_.object},
                    {"columns", std::int64_t{size.columns}},
                    {"rows", std::int64_t{size.rows}}};
  // A program that has ended, or a node that is away for a moment, needs none.
  (void)client_->request("terminal.resize", std::move(body), client_->in(kSizeTime), done_)
      .has_value();
}

}  // namespace drover::cli
