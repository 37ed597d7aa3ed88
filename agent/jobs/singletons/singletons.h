// Singletons: the claims that this node's singletons run for (docs/singletons.md).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/core/config/etcd.h"
#include "agent/core/ids.h"
#include "agent/system/stop.h"
#include "messaging/etcd/claims.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// Takes claims on the threads of jobs, and renews those held on one of its own: neither waits for
/// the other, because a member of etcd that hangs keeps whoever asks it.
class Singletons {
 public:
  struct Options {
    std::string node;
    runtimes::Layout layout;
    system::Path exec_program;  ///< drover-exec, which is the guard; "": none is started
  };
  /// Whose claim it is as this node knows.
  struct Held {
    etcd::Claim claim;
    std::string message{};  ///< why it could not be renewed the last time; "" when it could
    bool lost = false;      ///< etcd says so
  };

  /// `invalid` for settings that cannot be right. Takes up what an earlier agent has held.
  static Result<std::unique_ptr<Singletons>> make(const EtcdConfig& config, Options options);
  ~Singletons();
  Singletons(const Singletons&) = delete;
  Singletons& operator=(const Singletons&) = delete;

  /// A new attempt, with its guard at work, for a container whose program does not run: what it has
  /// held before is given back. `conflict`, naming who, when another holds it; `unavailable` when
  /// etcd does not answer. A job's thread.
  Result<std::int64_t> take(const ContainerName& container, const std::string& claim,
                            const system::Stop& stop);
  /// The attempt that it holds now; none when it holds none, or not any more. Any thread.
  std::optional<std::int64_t> holds(const std::string& container) const;
  /// Of a container that does not run. Returns at once. Any thread.
  void give_back(const std::string& container);
  /// All that are held, by container. Any thread.
  std::map<std::string, Held> held() const;
  /// When what runs for it begins to be stopped: there is some time left to end in good order.
  std::chrono::nanoseconds stops_at(const Held& held) const;
  std::chrono::seconds time_to_stop() const { return time_to_stop_; }

 private:
  /// A way to etcd of one thread.
  struct Asker {
    std::unique_ptr<etcd::Gateway> gateway;
    std::unique_ptr<etcd::Client> client;
    std::unique_ptr<etcd::Claims> claims;
  };
  struct Kept {
    Held held;
    std::chrono::nanoseconds next{};  // when it is renewed
  };

  Singletons(const EtcdConfig& config, Options options);
  static Result<Asker> ask(const EtcdConfig& config);
  void take_up();
  /// Why another than this container has it.
  Result<std::int64_t> held_by(const std::string& what, const std::string& claim,
                               const etcd::Holder& holder) const;
  system::Path file_of(const std::string& container) const {
    return options_.layout.claims() / container;
  }
  void run();
  void renew(const std::string& container);
  void release_left();

  const Options options_;
  const std::chrono::seconds ttl_;
  const std::chrono::seconds time_to_stop_;
  Asker for_jobs_;     // under asking_
  Asker for_renewal_;  // of the thread alone
  std::mutex asking_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Kept> kept_;  // guarded by mutex_
  std::vector<etcd::Claim> left_;     // guarded by mutex_: to be released
  system::Stop stop_;
  std::thread thread_;
};

}  // namespace drover::jobs
