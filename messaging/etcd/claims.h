// Claims: of all that would like to, one in the whole cluster holds a name.
//
// A claim is two keys. PREFIX/claims/NAME {"node", "attempt"} goes with its lease;
// PREFIX/attempts/NAME, the number of the last claim, stays, so that each claim of a name has a
// higher number than all before it (a fencing number: what was done for a lower one is stale).
//
// Whoever holds a claim renews it, and stops what it holds it for when that could not be done in
// time: `good_until` is reckoned from before the request that began or renewed the lease was sent,
// and ends earlier than the lease by a grace, which is the time to stop in and to bear clocks that
// run at other rates. A process that was stopped meanwhile cannot know it before it asks the clock:
// ask `holds` before each act, and pass the attempt on to whatever can refuse a stale one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "agent/system/boot_time.h"
#include "messaging/etcd/client.h"

namespace drover::etcd {

/// A value: who begins it may hand it over to who holds it, and a process that was started anew
/// renews the one that it has written down.
struct Claim {
  std::string name;
  std::string node;
  std::int64_t attempt = 0;  ///< 1 of the first claim of this name, then one more each time
  std::int64_t lease = 0;
  std::chrono::nanoseconds good_until{};  ///< by system::boot_time of this machine
};

/// Somebody else's.
struct Holder {
  std::string node;
  std::int64_t attempt = 0;
};

struct ClaimTimes {
  std::chrono::seconds ttl{15};
  std::chrono::seconds grace{3};  ///< less than the TTL
};

/// For one thread at a time.
class Claims {
 public:
  using BootTime = std::function<std::chrono::nanoseconds()>;

  /// `client` outlives it. `prefix` without a "/" at its end.
  Claims(Client& client, std::string prefix, ClaimTimes times, BootTime now = system::boot_time)
      : client_(client), prefix_(std::move(prefix)), times_(times), now_(std::move(now)) {}

  /// The claim when nobody held it, else who does. After an error, which may have come between the
  /// claim and its answer, it is held by nobody who knows, and ends with its TTL.
  Result<std::variant<Claim, Holder>> take(const std::string& name, const std::string& node,
                                           const system::Stop& stop);
  /// Its whole time again. `not_found` when it is lost: its lease has ended, or somebody has taken
  /// the key away. Other errors say nothing of it: try again, as long as it `holds`. `claim` is
  /// changed by success alone.
  Result<> renew(Claim& claim, const system::Stop& stop);
  /// For others to take, at once. Only when what it was held for has stopped. One that is lost is
  /// success.
  Result<> release(const Claim& claim, const system::Stop& stop);
  /// Nobody else holds it now, whatever became of the network.
  bool holds(const Claim& claim) const { return now_() < claim.good_until; }
  /// None when nobody holds it.
  Result<std::optional<Holder>> holder(const std::string& name, const system::Stop& stop);

 private:
  struct State;  // of both keys

  std::string claim_key(const std::string& name) const { return prefix_ + "/claims/" + name; }
  std::string attempt_key(const std::string& name) const { return prefix_ + "/attempts/" + name; }
  Result<State> read(const std::string& name, const TransactionAnswer& answer) const;
  Result<State> look(const std::string& name, const system::Stop& stop);
  Result<std::variant<Claim, Holder>> take_with(Claim claim, State state, const system::Stop& stop);
  /// Until when a lease is good whose request is sent now.
  std::chrono::nanoseconds good_until(std::chrono::nanoseconds asked_at,
                                      const LeaseAnswer& lease) const;

  Client& client_;
  const std::string prefix_;
  const ClaimTimes times_;
  const BootTime now_;
};

}  // namespace drover::etcd
