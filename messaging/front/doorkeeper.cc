#include "messaging/front/doorkeeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "messaging/front/request_form.h"
#include "messaging/front/sockets.h"
#include "messaging/front/zap_request.h"

namespace drover::messaging {
namespace {

/// Frames of one of libzmq's questions: one more than it may have, so that it shows.
constexpr std::size_t kMostOfZap = 8;
constexpr const char* kUser = "User-Id";
/// A name may be given to another key, and connections of the first one may live on.
constexpr const char* kKey = "Drover-Key";
constexpr const char* kAddress = "Peer-Address";  // of libzmq

std::optional<std::string> property(zmq::message_t& frame, const char* name) {
  // libzmq knows nothing else of a property that is absent than EINVAL.
  const char* found = zmq_msg_gets(frame.handle(), name);
  return found == nullptr ? std::nullopt : std::optional<std::string>(found);
}

}  // namespace

bool Doorkeeper::allow(AllowList list) {
  const AllowList before = std::exchange(allowed_, std::move(list));
  return std::any_of(before.keys().begin(), before.keys().end(), [this](const AllowedKey& key) {
    const AllowedKey* now = find({key.name.str(), key.key.str()});
    return key.may(KeyRole::observe) && (now == nullptr || !now->may(KeyRole::observe));
  });
}

std::vector<std::string> Doorkeeper::answer(const std::vector<std::string_view>& request) {
  const Result<ZapRequest> read = read_zap_request(request);
  if (!read) {
    return zap_denial(request.size() > 1 ? request[1] : "");
  }
  const AllowedKey* key = allowed_.find(read->key);
  const std::optional<KeyRole> role = key_role_from(read->domain);
  if (key == nullptr || !role || !key->may(*role)) {
    deny({.key = read->key.str(),
          .name = key == nullptr ? "" : key->name.str(),
          .address = read->address,
          .why = key == nullptr ? KeyDenial::Why::unknown : KeyDenial::Why::role});
    return zap_denial(read->id);
  }
  return zap_admission(*read, key->name.str(), metadata(kKey, read->key.str()));
}

void Doorkeeper::answer_all(zmq::socket_t& zap) {
  for (int count = 0; count < kMostAtOnce; ++count) {
    const Frames frames = next_message(zap, kMostOfZap);
    if (frames.empty()) {
      return;
    }
    std::vector<std::string_view> request;
    for (const zmq::message_t& frame : frames) {
      request.push_back(text_of(frame));
    }
    const std::vector<std::string> answered = answer(request);
    for (std::size_t i = 0; i < answered.size(); ++i) {
      zap.send(zmq::buffer(answered[i]),
               i + 1 < answered.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
}

std::optional<Doorkeeper::Sender> Doorkeeper::sender_of(zmq::message_t& payload) {
  std::optional<std::string> name = property(payload, kUser);
  std::optional<std::string> key = property(payload, kKey);
  if (!name || !key) {
    return std::nullopt;
  }
  return Sender{*std::move(name), *std::move(key), property(payload, kAddress).value_or("")};
}

const AllowedKey* Doorkeeper::find(const Sender& sender) const {
  const AllowedKey* found = allowed_.find(std::string_view(sender.name));
  return found == nullptr || found->key.str() != sender.key ? nullptr : found;
}

void Doorkeeper::look_at(const Sender& sender) {
  if (find(sender) == nullptr) {
    deny({.key = sender.key,
          .name = sender.name,
          .address = sender.address,
          .why = KeyDenial::Why::revoked});
  }
}

void Doorkeeper::deny(KeyDenial denial) {
  // As a socket for both kinds of addresses knows those of IPv4.
  constexpr std::string_view kMapped = "::ffff:";
  if (denial.address.starts_with(kMapped)) {
    denial.address.erase(0, kMapped.size());
  }
  if (const auto told = denials_.note(std::move(denial), std::chrono::steady_clock::now())) {
    tell_(*told);
  }
}

Result<> check_may(const AllowedKey& key, KeyRole needed, std::string_view kind, std::size_t body) {
  if (!key.may(needed)) {
    return fail(Code::refused, "kind \"{}\" here: key {} has not the role {}", kind, key.name.str(),
                to_string(needed));
  }
  if (key.limits.message_kib > 0 &&
      static_cast<std::int64_t>(body) > key.limits.message_kib * 1024) {
    return fail(Code::refused, "the body has {} bytes; the most that key {} may send is {} KiB",
                body, key.name.str(), key.limits.message_kib);
  }
  return {};
}

}  // namespace drover::messaging
