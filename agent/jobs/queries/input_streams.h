// InputStreams: gives programs what clients send them to read, each byte once and in order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/queries/input_program.h"
#include "agent/jobs/queries/input_record.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"
#include "runtimes/program_input.h"

namespace drover::jobs {

/// Belongs to the loop's thread, and never waits: what a program does not read is held, at most
/// kWindow bytes of each stream, and the client sends no more then. A client that comes again, by
/// another connection or to another agent, goes on where the program is (input_record.h). Several
/// may write to one program; each one's chunks arrive as they come.
class InputStreams {
 public:
  using Address = LogStreams::Address;
  using Send =
      std::function<void(const Address& to, std::string_view kind, const json::Value& body)>;

  static constexpr std::size_t kWindow = std::size_t{128} * 1024;
  static constexpr std::size_t kMostOpen = 128;
  static constexpr std::size_t kMostOpenOfOne = 16;  ///< of one connection

  /// Takes up what an earlier agent has left.
  InputStreams(system::Loop& loop, Journal& journal, const Node& node, system::Clock& clock,
               Send send);
  ~InputStreams();
  InputStreams(const InputStreams&) = delete;
  InputStreams& operator=(const InputStreams&) = delete;

  /// Begins a stream, or goes on with it, as `body` of "input.open" says: {"of", "name"|"id",
  /// "session", "offset"}. `unavailable` when the program has not begun; `broken` when it is not
  /// known how much of the stream it has taken; `conflict` when it reads nothing, or too many are
  /// open.
  Result<> open(const Address& address, const json::Value& body);
  /// `data` begins at `offset` of the stream. `unavailable` when it is not open, `invalid` when it
  /// is more than was allowed.
  Result<> take(const Address& address, std::uint64_t offset, std::string_view data);
  /// The stream ends at the offset that `body` of "input.finish" says.
  Result<> finish(const Address& address, const json::Value& body);
  /// The client will not come again. What the program has not taken is dropped.
  void close(const Address& address);
  /// This client hears nothing more. It may come again, as another one.
  void close_of(std::uint64_t peer);
  /// All clients are gone: the front was started anew. They may come again.
  void close_all();
  /// Of a program's terminal (input_program.h).
  Result<> resize(const json::Value& body) { return resize_terminal(journal_, node_, body); }

  /// The program of this container, or of what this job runs, has ended.
  void ended(std::string_view of, const std::string& object);

 private:
  struct Session {
    explicit Session(InputRecord kept) : record(std::move(kept)) {}
    InputRecord record;
    // These while it is open only:
    std::optional<Address> address{};
    std::unique_ptr<runtimes::ProgramInput> input{};
    std::string waiting{};  // of what the program has not taken
    bool finishing = false;
    std::uint32_t watched = 0;  // events of the input's descriptor
    system::Instant heard{};    // from the client
    /// Bytes that have come, whether the program has taken them or not.
    std::uint64_t received() const { return record.taken() + waiting.size(); }
  };
  using Sessions = std::map<std::string, Session>;

  void take_up();
  /// None when all that is to be done about it was done.
  Result<bool> check_known(const Address& address, const Session& session,
                           const InputProgram& program, std::uint64_t offset);
  Result<> make_room(const Address& address);
  Result<Sessions::iterator> find_open(const Address& address);
  /// Of those that are open, or of the others, the one whose client was silent longest. There is
  /// one.
  Sessions::iterator longest_silent(bool open);
  Result<Sessions::iterator> session_of(const std::string& name, const InputProgram& program);
  /// Gives the program what it takes; true once it has all and the end of file.
  static Result<bool> push(Session& session);
  /// The same, and tells the client how that went. With nothing taken it is told only if `always`.
  void pump(Sessions::iterator session, bool always);
  void ready(const std::string& name, std::uint32_t events);
  void watch(Sessions::iterator session);
  void tell(const Session& session, std::string_view kind,
            const std::optional<std::uint64_t>& from = std::nullopt);
  void tell_end(const Address& address, const Session& session, bool finished,
                std::string_view why);
  void shut(Session& session);
  void forget(Sessions::iterator session);

  system::Loop& loop_;
  Journal& journal_;
  const Node& node_;
  system::Clock& clock_;
  Send send_;
  Sessions sessions_;  // by the names that clients have given them
  std::map<Address, std::string> open_;
};

}  // namespace drover::jobs
