// LogStreams: sends log files to clients as fast as they take them, and follows those that grow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/core/json.h"
#include "agent/jobs/journal/journal.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "runtimes/layout.h"
#include "runtimes/rotated_log.h"

namespace drover::jobs {

/// Belongs to the loop's thread. A stream holds one descriptor and no memory of what it sent: the
/// client resumes by the offset it has come to. The log of a container that was deleted is read as
/// long as it is kept and no other container has its name.
class LogStreams {
 public:
  /// A client's request: the front's number for the client and the client's for the request.
  using Address = std::pair<std::uint64_t, std::uint64_t>;
  /// `more` are members of the answer's header, `data` its third frame.
  using Send = std::function<void(const Address& to, std::string_view kind, json::Object more,
                                  std::string body, std::string data)>;

  LogStreams(system::Loop& loop, Journal& journal, runtimes::Layout layout, Send send);
  ~LogStreams();
  LogStreams(const LogStreams&) = delete;
  LogStreams& operator=(const LogStreams&) = delete;

  /// Begins a stream as `body` of "stream.open" says: {"of", "name"|"id", "offset", "tail",
  /// "since", "follow", "credit"}. `conflict` when the client has a stream of this number or too
  /// many of them.
  Result<> open(const Address& address, const json::Value& body);
  /// The client takes `bytes` more. Of a stream that has ended it is ignored.
  Result<> credit(const Address& address, const json::Value& body);
  void close(const Address& address);
  /// All of this client, which hears nothing more.
  void close_of(std::uint64_t peer);
  /// All clients are gone: the front was started anew.
  void close_all();

  /// Nothing more is written to the log of this container or job: those who follow it come to its
  /// end.
  void ended(std::string_view kind, const std::string& object);

 private:
  struct Stream {
    std::optional<runtimes::RotatedLog> log;
    std::string kind;  // of what: "container" or "job"
    std::string object;
    std::uint64_t offset = 0;
    std::uint64_t credit = 0;
    bool follow = false;
    bool raw = false;   // as a terminal was given it, without times
    bool kept = false;  // what is read was moved away when its container was deleted
    int watch = -1;     // inotify's, -1 for none
  };

  struct Source {
    runtimes::Path path;
    bool grows;
    bool raw;  // of a guest of Proxmox, whose terminal LXC logs
  };
  /// Where to begin, other than at an offset.
  struct Start {
    std::optional<std::uint64_t> tail{};  ///< lines
    std::optional<std::int64_t> since{};  ///< unix ms
  };
  Result<> check_room(const Address& address) const;
  static Result<std::uint64_t> find_start(const Source& source, const Start& start);
  Result<Source> find(const std::string& kind, const std::string& object);
  Result<int> watch(const Source& source);
  void changed();
  /// Sends what there is and what the client takes; true when the stream has come to its end.
  bool pump(const Address& address, Stream& stream);
  /// For one that reads an older part while its container is deleted, which makes one file of all.
  bool goes_on_in_kept(Stream& stream);
  void pump_all(const std::function<bool(const Stream&)>& which);
  void drop(std::map<Address, Stream>::iterator stream);

  system::Loop& loop_;
  Journal& journal_;
  runtimes::Layout layout_;
  Send send_;
  system::UniqueFd inotify_;
  std::map<Address, Stream> streams_;
};

}  // namespace drover::jobs
