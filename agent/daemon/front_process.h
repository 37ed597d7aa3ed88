// FrontProcess: keeps drover-front running and talks with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "agent/system/loop.h"
#include "messaging/pair.h"

namespace drover::daemon {

/// Belongs to the loop's thread. The front runs as another user and cannot gain privileges; when it
/// ends, for whatever reason, it is started anew: at once when it has served for a second, else
/// after a pause that grows from 20 ms to 5 s.
class FrontProcess {
 public:
  struct Options {
    system::Path program;
    system::Path directory;  ///< of the sockets; made here, for the front's user only
    std::string user;
    /// Address space that it may have; 0: no bound (programs with AddressSanitizer reserve more
    /// than any machine has). What would be more costs one client's connection, or the front.
    std::uint64_t memory_mib = 1024;
    std::uint64_t descriptors = 16'384;          ///< and so connections
    std::string name = "drover-front";           ///< in messages
    std::string user_member = "bus.front_user";  ///< of the configuration, that names the user
  };
  struct Handlers {
    std::function<void(const messaging::Record&)> record;
    std::function<void()> ready;    ///< its sockets are bound
    std::function<void()> started;  ///< nothing was sent to it yet
    std::function<void()> lost;     ///< whoever waited for an answer asks again
  };

  FrontProcess(system::Loop& loop, Options options, Handlers handlers);
  /// Ends it.
  ~FrontProcess();
  FrontProcess(const FrontProcess&) = delete;
  FrontProcess& operator=(const FrontProcess&) = delete;

  /// Fails when its user, program or directory cannot be had at all.
  Result<> start();
  /// Goes out at `flush`. Without a front, or with one that does not read, the record is dropped:
  /// clients ask again, and events are in the journal.
  void send(const messaging::Record& record);
  /// The same of what must not be dropped: a front that has no room for it is ended, and the next
  /// one is told by whoever hears `started`.
  void send_surely(const messaging::Record& record);
  /// Call it at the end of each turn.
  void flush();
  /// Of the one that runs; -1 while none does.
  pid_t pid() const { return child_ ? child_->pid() : -1; }

 private:
  Result<> prepare_directory();
  Result<> spawn();
  void readable(std::uint32_t events);
  void ended();
  void close();
  void spawn_later();

  system::Loop& loop_;
  Options options_;
  Handlers handlers_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  std::optional<system::Child> child_;
  std::optional<messaging::Pair> pair_;
  std::uint32_t watched_ = 0;  // events of the pair's descriptor
  bool dropping_ = false;
  std::optional<system::Instant> ready_since_;
  std::chrono::milliseconds pause_{0};
  system::Loop::TimerId timer_ = 0;
};

}  // namespace drover::daemon
