#include "messaging/etcd/claims.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace drover::etcd {
namespace {

/// Others may take and release it between our look and our claim. So often in a row they do not.
constexpr int kMostTries = 5;

Result<Holder> read_claim(const KeyValue& item) {
  const Result<json::Value> value = json::parse(item.value);
  Holder holder;
  if (value) {
    holder.node = value->at("node").string_or("");
    holder.attempt = value->at("attempt").integer_or(0);
  }
  if (holder.node.empty() || holder.attempt < 1) {
    return fail(
        Code::broken,
        "read claim \"{}\" of etcd: it has no node and attempt; delete the key once nothing "
        "runs for it",
        item.key);
  }
  return holder;
}

Result<std::int64_t> read_attempt(const KeyValue& item) {
  std::int64_t attempt = 0;
  const char* const end = item.value.data() + item.value.size();
  const auto [at, error] = std::from_chars(item.value.data(), end, attempt);
  if (error != std::errc() || at != end || attempt < 0) {
    return fail(Code::broken, "read attempt \"{}\" of etcd: it is no number", item.key);
  }
  return attempt;
}

}  // namespace

struct Claims::State {
  std::optional<Holder> holder;
  std::int64_t lease = 0;             // of the holder
  std::int64_t attempt = 0;           // the last one, 0 before the first
  std::int64_t attempt_revision = 0;  // what it was written at
};

Result<Claims::State> Claims::read(const std::string& name, const TransactionAnswer& answer) const {
  State state;
  if (answer.operations.size() != 2) {
    return fail(Code::broken, "read claim \"{}\" of etcd: the answer is not of both keys", name);
  }
  if (const auto& claim = answer.operations[0].items; !claim.empty()) {
    state.holder = TRY(read_claim(claim.front()));
    state.lease = claim.front().lease;
  }
  if (const auto& attempt = answer.operations[1].items; !attempt.empty()) {
    state.attempt = TRY(read_attempt(attempt.front()));
    state.attempt_revision = attempt.front().mod_revision;
  }
  return state;
}

Result<Claims::State> Claims::look(const std::string& name, const system::Stop& stop) {
  Transaction both;
  both.then = {Range{Keys::one(claim_key(name))}, Range{Keys::one(attempt_key(name))}};
  both.repeatable = true;
  const TransactionAnswer answer = TRY(client_.transact(both, stop));
  return read(name, answer);
}

std::chrono::nanoseconds Claims::good_until(std::chrono::nanoseconds asked_at,
                                            const LeaseAnswer& lease) const {
  return asked_at + std::chrono::seconds(lease.ttl_seconds) - times_.grace;
}

Result<std::variant<Claim, Holder>> Claims::take(const std::string& name, const std::string& node,
                                                 const system::Stop& stop) {
  using Taken = std::variant<Claim, Holder>;
  const std::string what = fmt::format("claim \"{}\" for {}", name, node);
  const State state = TRY(look(name, stop).context(what));
  if (state.holder) {
    return Taken(*state.holder);
  }
  const std::chrono::nanoseconds asked_at = now_();
  const LeaseAnswer lease = TRY(client_.grant(times_.ttl, stop).context(what));
  Result<Taken> taken =
      take_with({name, node, 0, lease.id, good_until(asked_at, lease)}, state, stop).context(what);
  if (!taken || std::holds_alternative<Holder>(*taken)) {
    // Where this fails it ends by itself.
    [[maybe_unused]] const Result<> revoked = client_.revoke(lease.id, stop);
  }
  return taken;
}

Result<std::variant<Claim, Holder>> Claims::take_with(Claim claim, State state,
                                                      const system::Stop& stop) {
  using Taken = std::variant<Claim, Holder>;
  const std::string key = claim_key(claim.name);
  const std::string attempts = attempt_key(claim.name);
  for (int tries = 0; tries < kMostTries; ++tries) {
    claim.attempt = state.attempt + 1;
    Transaction create;
    create.when = {Comparison::absent(key),
                   state.attempt_revision == 0
                       ? Comparison::absent(attempts)
                       : Comparison::unchanged(attempts, state.attempt_revision)};
    create.then = {
        Put{key, json::write(json::Object{{"node", claim.node}, {"attempt", claim.attempt}}),
            claim.lease},
        Put{attempts, std::to_string(claim.attempt)}};
    create.otherwise = {Range{Keys::one(key)}, Range{Keys::one(attempts)}};
    // The second time it finds its own lease in the key.
    create.repeatable = true;
    const TransactionAnswer answer = TRY(client_.transact(create, stop));
    if (answer.succeeded) {
      return Taken(std::move(claim));
    }
    state = TRY(read(claim.name, answer));
    if (state.holder && state.lease == claim.lease) {
      claim.attempt = state.holder->attempt;
      return Taken(std::move(claim));
    }
    if (state.holder) {
      return Taken(*state.holder);
    }
  }
  return fail(Code::unavailable, "others take and release it all the time; try again");
}

Result<> Claims::renew(Claim& claim, const system::Stop& stop) {
  const std::string what = fmt::format("renew claim \"{}\"", claim.name);
  const std::chrono::nanoseconds asked_at = now_();
  const LeaseAnswer lease = TRY(client_.keep_alive(claim.lease, stop).context(what));
  // Behind the renewal: until its lease ends nobody takes a key that is there now.
  const RangeAnswer read =
      TRY(client_.range({Keys::one(claim_key(claim.name))}, stop).context(what));
  if (read.items.empty() || read.items.front().lease != claim.lease) {
    return fail(Code::not_found, "{}: somebody has taken it away", what);
  }
  claim.good_until = good_until(asked_at, lease);
  return {};
}

Result<> Claims::release(const Claim& claim, const system::Stop& stop) {
  return client_.revoke(claim.lease, stop).context(fmt::format("release claim \"{}\"", claim.name));
}

Result<std::optional<Holder>> Claims::holder(const std::string& name, const system::Stop& stop) {
  const State state = TRY(look(name, stop).context(fmt::format("look at claim \"{}\"", name)));
  return state.holder;
}

}  // namespace drover::etcd
