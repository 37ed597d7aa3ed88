// Client: what Drover asks of etcd.
//
// There is no watch. The gateway's is a stream that must be read apart from all other calls, begins
// anew, with a gap to fill, at each member that is lost, and still needs a range to begin with. Who
// follows others asks for a range again each second: it is a few keys, `Range::changed_since` has
// only what is new of many, and what it says is as true after a lost member as before.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "messaging/etcd/etcd_answer.h"
#include "messaging/etcd/gateway.h"
#include "messaging/etcd/transaction.h"

namespace drover::etcd {

/// For one thread at a time. Errors are the gateway's: `unavailable` when surely nothing was done,
/// `timed_out` when it may have been.
class Client {
 public:
  /// `gateway` outlives it.
  explicit Client(Gateway& gateway) : gateway_(gateway) {}

  /// As the cluster is now, not as one member saw it last.
  Result<RangeAnswer> range(const Range& range, const system::Stop& stop);
  /// The revision it made; `not_found` when there is no such lease.
  Result<std::int64_t> put(const Put& put, const system::Stop& stop);
  /// How many there were.
  Result<std::int64_t> remove(const Delete& deletion, const system::Stop& stop);
  Result<TransactionAnswer> transact(const Transaction& transaction, const system::Stop& stop);

  /// One of etcd's choosing. One whose answer is lost ends by itself.
  Result<LeaseAnswer> grant(std::chrono::seconds ttl, const system::Stop& stop);
  /// Its whole TTL again; `not_found` when it has ended.
  Result<LeaseAnswer> keep_alive(std::int64_t lease, const system::Stop& stop);
  /// Ends it, with all its keys; one that has ended is success.
  Result<> revoke(std::int64_t lease, const system::Stop& stop);

 private:
  Gateway& gateway_;
};

}  // namespace drover::etcd
