#include "messaging/etcd/client.h"

namespace drover::etcd {

Result<RangeAnswer> Client::range(const Range& range, const system::Stop& stop) {
  const Call call{"/kv/range", to_json(range), true};
  const json::Value body = TRY(gateway_.call(call, stop));
  return read_range(body, "range of etcd");
}

Result<std::int64_t> Client::put(const Put& put, const system::Stop& stop) {
  const Call call{"/kv/put", to_json(put)};
  const json::Value body = TRY(gateway_.call(call, stop));
  return read_revision(body, "put to etcd");
}

Result<std::int64_t> Client::remove(const Delete& deletion, const system::Stop& stop) {
  const Call call{"/kv/deleterange", to_json(deletion)};
  const json::Value body = TRY(gateway_.call(call, stop));
  return body.at("deleted").integer_or(0);
}

Result<TransactionAnswer> Client::transact(const Transaction& transaction,
                                           const system::Stop& stop) {
  const Call call{"/kv/txn", to_json(transaction), transaction.repeatable};
  const json::Value body = TRY(gateway_.call(call, stop));
  return read_transaction(body, "transaction of etcd");
}

Result<LeaseAnswer> Client::grant(std::chrono::seconds ttl, const system::Stop& stop) {
  const Call call{"/lease/grant", json::Object{{"TTL", std::int64_t{ttl.count()}}}, true};
  const json::Value body = TRY(gateway_.call(call, stop));
  return read_lease(body, "lease of etcd");
}

Result<LeaseAnswer> Client::keep_alive(std::int64_t lease, const system::Stop& stop) {
  const Call call{"/lease/keepalive", json::Object{{"ID", lease}}, true, true};
  const json::Value body = TRY(gateway_.call(call, stop));
  const LeaseAnswer answer = TRY(read_lease(body, "lease of etcd"));
  // This is how it says that there is no such lease.
  if (answer.ttl_seconds == 0) {
    return fail(Code::not_found, "keep lease {} of etcd: it has ended", lease);
  }
  return answer;
}

Result<> Client::revoke(std::int64_t lease, const system::Stop& stop) {
  const Call call{"/lease/revoke", json::Object{{"ID", lease}}, true};
  const Result<json::Value> body = gateway_.call(call, stop);
  if (!body && body.error().code != Code::not_found) {
    return Failure(body.error());
  }
  return {};
}

}  // namespace drover::etcd
