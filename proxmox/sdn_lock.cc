#include "proxmox/sdn_lock.h"

#include <utility>

#include "agent/system/file.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr const char* kLock = "/cluster/sdn/lock";
constexpr std::string_view kAnothers = "invalid lock token";
constexpr std::size_t kMostKept = 4096;

bool is_anothers(const Error& error) {
  return error.message.find(kAnothers) != std::string::npos;
}

}  // namespace

Result<SdnLock::Kept> SdnLock::read() const {
  const Result<std::string> text = system::read_file(kept_, kMostKept);
  if (!text && text.error().code == Code::not_found) {
    return Kept{};
  }
  const std::string known = TRY(text);
  const Result<json::Value> value = json::parse(known);
  if (!value) {
    return Kept{.token = {}, .asked_unix_ms = 1};  // nobody knows what it was
  }
  return Kept{std::string(value->at("token").string_or("")), value->at("asked_at").integer_or(0)};
}

Result<> SdnLock::write(const Kept& kept) const {
  return system::write_atomically(
      kept_, json::write(json::Object{{"token", kept.token}, {"asked_at", kept.asked_unix_ms}}),
      0600);
}

Result<> SdnLock::released() {
  return system::remove_tree(kept_);
}

Result<> SdnLock::release(const Stop& stop) {
  const Kept kept = TRY(read());
  if (kept.token.empty()) {
    return {};
  }
  const Result<json::Value> answer = client_.del(kLock, {{"lock-token", kept.token}}, stop);
  if (!answer && !is_anothers(answer.error())) {
    return Failure(Error(answer.error()).context("free the lock on the cluster's SDN"));
  }
  return released();
}

Result<std::string> SdnLock::take(bool beside_pending, const std::string& what, const Stop& stop) {
  TRY(stop.check(what));
  const Kept before = TRY(read());
  const std::int64_t now = clock_.unix_ms();
  // An agent that ends before it has the answer leaves at least that it has asked.
  TRY(write({"", now}));
  // Its answer is waited for, whoever stops: without the token nobody gives the lock back.
  const Stop never;
  const Result<json::Value> answer =
      client_.post(kLock, beside_pending ? Form{{"allow-pending", "1"}} : Form{}, never);
  if (answer) {
    const std::string token(answer->string_or(""));
    if (token.empty()) {
      return fail(Code::broken, "{}: the answer for the lock on the cluster's SDN has no token",
                  what);
    }
    TRY(write({token, now}));
    return token;
  }
  const bool perhaps_ours = before.asked_unix_ms != 0;
  if (is_anothers(answer.error())) {
    TRY(perhaps_ours ? write(before) : released());
    return fail(
        Code::unavailable,
        "{}: somebody has the lock on the cluster's SDN{}; it is free once he is done; if nobody "
        "is at it any more, an admin frees it: pvesh delete /cluster/sdn/lock --force 1",
        what,
        perhaps_ours ? ", perhaps this node: an answer for it was lost before, and with it the "
                       "token"
                     : "");
  }
  if (lacks_method(answer.error())) {
    TRY(released());
    return fail(Code::refused,
                "{}: this version of Proxmox has no lock on the cluster's SDN, without which "
                "nothing of it is changed; Proxmox VE 9 has it",
                what);
  }
  switch (answer.error().code) {
    case Code::timed_out:
      return fail(Code::unavailable, "{}: {}", what, answer.error().message);
    case Code::cancelled:
    case Code::broken:
      break;  // perhaps it was given, and the answer could not be read
    case Code::conflict:
      TRY(released());  // told only to whom the lock was free
      break;
    case Code::unavailable:
    case Code::not_found:
    case Code::refused:
    case Code::invalid:
      TRY(perhaps_ours ? write(before) : released());
      break;
  }
  return Failure(Error(answer.error()).context(what));
}

}  // namespace drover::proxmox
