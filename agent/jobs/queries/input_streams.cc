#include "agent/jobs/queries/input_streams.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/system/crash_point.h"
#include "messaging/message.h"
#include "messaging/record.h"

namespace drover::jobs {
namespace {

/// Also of those that are not open: a file of some bytes each.
constexpr std::size_t kMostSessions = 1024;
/// A client says something each 15 s. One that is silent for so long leaves its place to another
/// that needs it, and may come again.
constexpr std::chrono::seconds kSilence{60};

}  // namespace

InputStreams::InputStreams(system::Loop& loop, Journal& journal, const Node& node,
                           system::Clock& clock, Send send)
    : loop_(loop), journal_(journal), node_(node), clock_(clock), send_(std::move(send)) {
  take_up();
}

InputStreams::~InputStreams() {
  close_all();
}

void InputStreams::take_up() {
  for (const system::Path& path : system::children_of(node_.layout.inputs())) {
    Result<InputRecord> record = InputRecord::read(path);
    const Result<InputProgram> program = record ? find_program(journal_, node_, record->program())
                                                : Result<InputProgram>(Failure(record.error()));
    if (program && program->phase != InputProgram::Phase::ended &&
        sessions_.size() < kMostSessions) {
      sessions_.emplace(path.filename().native(), std::move(*record));
    } else {
      ::unlink(path.c_str());
    }
  }
}

Result<> InputStreams::open(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  const std::string of = read_program_name(fields);
  fields.require("session");
  const std::string name = fields.string("session");
  // It becomes the name of a file.
  if (const Result<> checked = JobIdKind::check(name); !checked && fields.has("session")) {
    fields.fault("session", checked.error().message);
  }
  const auto offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the input is not understood"));
  if (open_.contains(address)) {
    return fail(Code::conflict, "open the input of {}: one of this number is open", of);
  }
  const InputProgram program = TRY(find_program(journal_, node_, of));
  if (program.phase == InputProgram::Phase::ended) {
    send_(address, "input.end",
          json::Object{{"offset", offset}, {"message", fmt::format("{} has ended", of)}});
    return {};
  }
  const auto known = sessions_.find(name);
  if (known == sessions_.end() && offset > 0) {
    return fail(Code::broken,
                "go on with the input of {} behind byte {}: this node does not know the stream any "
                "more, so how much of it was read is not known",
                of, offset);
  }
  if (known != sessions_.end()) {
    const bool goes_on = TRY(check_known(address, known->second, program, offset));
    if (!goes_on) {
      return {};
    }
  }
  if (program.phase == InputProgram::Phase::not_begun) {
    return fail(Code::unavailable, "open the input of {}: its program has not begun", of);
  }
  if (known != sessions_.end()) {
    shut(known->second);
  }
  TRY(make_room(address));
  Result<std::unique_ptr<runtimes::ProgramInput>> input =
      program.runtime->open_input(*program.container, program.job);
  const Code code = input ? Code::broken : input.error().code;
  if (code == Code::not_found && !program.job) {
    send_(address, "input.end",
          json::Object{{"offset", offset}, {"message", input.error().message}});
    return {};
  }
  if (!input) {
    // Of what runs inside: whether it has not begun or has ended is in the journal soon.
    return fail(code == Code::not_found ? Code::unavailable : code, "open the input of {}: {}", of,
                input.error().message);
  }
  const Sessions::iterator session = TRY(session_of(name, program));
  session->second.address = address;
  session->second.input = std::move(*input);
  session->second.heard = clock_.now();
  open_.emplace(address, name);
  tell(session->second, "input.opened");
  watch(session);
  return {};
}

Result<bool> InputStreams::check_known(const Address& address, const Session& session,
                                       const InputProgram& program, std::uint64_t offset) {
  const InputRecord& record = session.record;
  if (record.program() != program.name) {
    return fail(Code::conflict, "open the input of {}: its session is one of {}", program.name,
                record.program());
  }
  if (record.doubtful() > 0) {
    return fail(Code::broken,
                "go on with the input of {}: droverd was ended while it gave the program bytes {} "
                "to {}, and whether they arrived is not known: look what it has read, and begin "
                "anew",
                program.name, record.taken(), record.taken() + record.doubtful());
  }
  if (offset > record.taken()) {
    return fail(Code::broken, "go on with the input of {} behind byte {}: it has read {} only",
                program.name, offset, record.taken());
  }
  if (record.finished()) {
    tell_end(address, session, true, "");
    return false;
  }
  if (session.address && *session.address != address) {
    send_(*session.address, "error",
          json::Object{{"code", to_string(Code::conflict)},
                       {"message", fmt::format("the input of {} was opened by another connection",
                                               program.name)}});
  }
  return true;
}

Result<> InputStreams::make_room(const Address& address) {
  const auto first = open_.lower_bound({address.first, 0});
  const auto last = std::find_if(
      first, open_.end(), [&](const auto& entry) { return entry.first.first != address.first; });
  if (static_cast<std::size_t>(std::distance(first, last)) >= kMostOpenOfOne) {
    return fail(Code::conflict, "open an input: {} of this connection are open, the most that may",
                kMostOpenOfOne);
  }
  if (open_.size() < kMostOpen) {
    return {};
  }
  const Sessions::iterator silent = longest_silent(true);
  if (clock_.now() - silent->second.heard < kSilence) {
    return fail(Code::conflict, "open an input: {} are open, the most that may; close some",
                open_.size());
  }
  shut(silent->second);
  return {};
}

InputStreams::Sessions::iterator InputStreams::longest_silent(bool open) {
  const auto key = [open](const auto& entry) {
    return std::pair(entry.second.address.has_value() != open, entry.second.heard);
  };
  return std::min_element(
      sessions_.begin(), sessions_.end(),
      [&key](const auto& one, const auto& other) { return key(one) < key(other); });
}

Result<InputStreams::Sessions::iterator> InputStreams::session_of(const std::string& name,
                                                                  const InputProgram& program) {
  if (const auto known = sessions_.find(name); known != sessions_.end()) {
    return known;
  }
  if (sessions_.size() >= kMostSessions) {
    // There are fewer open ones than that.
    forget(longest_silent(false));
  }
  TRY(system::make_folders(node_.layout.inputs(), 0700));
  InputRecord record = TRY(InputRecord::make(node_.layout.inputs() / name, program.name));
  return sessions_.emplace(name, std::move(record)).first;
}

Result<InputStreams::Sessions::iterator> InputStreams::find_open(const Address& address) {
  const auto found = open_.find(address);
  if (found == open_.end()) {
    return fail(Code::unavailable, "no input of this number is open: open it again");
  }
  const auto session = sessions_.find(found->second);
  session->second.heard = clock_.now();
  return session;
}

Result<> InputStreams::take(const Address& address, std::uint64_t offset, std::string_view data) {
  const Sessions::iterator found = TRY(find_open(address));
  Session& session = found->second;
  const std::uint64_t received = session.received();
  if (offset > received) {
    tell(session, "input.taken", received);
    return {};
  }
  const std::string_view fresh =
      data.substr(std::min<std::uint64_t>(received - offset, data.size()));
  if (session.waiting.size() + fresh.size() > kWindow || (session.finishing && !fresh.empty())) {
    return fail(Code::invalid, "input of {}: bytes {} to {} are more than was allowed",
                session.record.program(), received, received + fresh.size());
  }
  session.waiting += fresh;
  pump(found, true);
  return {};
}

Result<> InputStreams::finish(const Address& address, const json::Value& body) {
  Faults faults;
  Fields fields(body, "", faults);
  fields.require("offset");
  const auto offset = static_cast<std::uint64_t>(fields.integer("offset", 0, 0, INT64_MAX));
  fields.finish();
  TRY(faults.result("the end of the input is not understood"));
  const Sessions::iterator found = TRY(find_open(address));
  Session& session = found->second;
  const std::uint64_t received = session.received();
  if (offset > received) {
    tell(session, "input.taken", received);
    return {};
  }
  if (offset < received) {
    return fail(Code::invalid, "input of {}: it is to end at byte {}, and {} have come",
                session.record.program(), offset, received);
  }
  session.finishing = true;
  pump(found, true);
  return {};
}

Result<bool> InputStreams::push(Session& session) {
  while (!session.waiting.empty()) {
    const std::string_view chunk =
        std::string_view(session.waiting).substr(0, messaging::kMostData);
    TRY(session.record.begin(chunk.size()));
    system::crash_point("input before write");
    const Result<std::size_t> taken = session.input->write(chunk);
    TRY(session.record.end(taken.value_or(0)));
    if (!taken) {
      return Failure(taken.error());
    }
    const bool all = *taken == chunk.size();
    session.waiting.erase(0, *taken);
    if (!all) {
      return false;
    }
  }
  if (session.finishing) {
    TRY(session.input->finish());
    TRY(session.record.finish());
    return true;
  }
  return false;
}

void InputStreams::pump(Sessions::iterator session, bool always) {
  Session& pumped = session->second;
  const Address address = *pumped.address;
  const std::uint64_t before = pumped.record.taken();
  const Result<bool> done = push(pumped);
  if (done && !*done) {
    if (always || pumped.record.taken() != before) {
      tell(pumped, "input.taken");
    }
    watch(session);
    return;
  }
  if (done) {
    tell_end(address, pumped, true, "");
  } else if (done.error().code == Code::not_found) {
    tell_end(address, pumped, false, done.error().message);
  } else {
    send_(address, "error", json::parse(messaging::write_error(done.error())).value());
  }
  shut(pumped);
}

void InputStreams::ready(const std::string& name, std::uint32_t events) {
  const auto session = sessions_.find(name);
  if (session == sessions_.end() || session->second.input == nullptr) {
    return;
  }
  if ((events & EPOLLIN) != 0) {
    session->second.input->drain();
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    tell_end(*session->second.address, session->second, false,
             session->second.record.program() + " reads no more");
    shut(session->second);
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    pump(session, false);
  }
}

void InputStreams::watch(Sessions::iterator session) {
  Session& watched = session->second;
  const std::uint32_t wanted = watched.waiting.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (watched.watched != wanted) {
    watched.watched = wanted;
    loop_.watch(watched.input->fd(), wanted,
                [this, name = session->first](std::uint32_t events) { ready(name, events); });
  }
}

void InputStreams::tell(const Session& session, std::string_view kind,
                        const std::optional<std::uint64_t>& from) {
  const std::uint64_t taken = session.record.taken();
  json::Object body{{"offset", taken}, {"until", taken + kWindow}};
  if (from) {
    body.set("from", *from);
  }
  send_(*session.address, kind, json::Value(std::move(body)));
}

void InputStreams::tell_end(const Address& address, const Session& session, bool finished,
                            std::string_view why) {
  json::Object body{{"offset", session.record.taken()}};
  if (finished) {
    body.set("finished", true);
  } else {
    body.set("message", why);
  }
  send_(address, "input.end", json::Value(std::move(body)));
}

void InputStreams::close(const Address& address) {
  if (const auto found = open_.find(address); found != open_.end()) {
    forget(sessions_.find(found->second));
  }
}

void InputStreams::close_of(std::uint64_t peer) {
  for (auto& [name, session] : sessions_) {
    if (session.address && session.address->first == peer) {
      shut(session);
    }
  }
}

void InputStreams::close_all() {
  for (auto& [name, session] : sessions_) {
    shut(session);
  }
}

void InputStreams::ended(std::string_view of, const std::string& object) {
  const std::string program = fmt::format("{} {}", of, object);
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto session = at++;
    if (session->second.record.program() != program) {
      continue;
    }
    if (session->second.address) {
      tell_end(*session->second.address, session->second, false, program + " has ended");
    }
    forget(session);
  }
}

void InputStreams::shut(Session& session) {
  if (session.input != nullptr) {
    if (std::exchange(session.watched, 0) != 0) {
      loop_.unwatch(session.input->fd());
    }
    session.input.reset();
  }
  if (session.address) {
    open_.erase(*std::exchange(session.address, std::nullopt));
  }
  session.waiting.clear();
  session.finishing = false;
}

void InputStreams::forget(Sessions::iterator session) {
  shut(session->second);
  session->second.record.remove();
  sessions_.erase(session);
}

}  // namespace drover::jobs
