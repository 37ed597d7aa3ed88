// ZapRequest: what libzmq asks before it lets a client in (ZeroMQ RFC 27), and what it is answered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/core/curve_key.h"
#include "agent/core/result.h"

namespace drover::messaging {

struct ZapRequest {
  std::string id;       ///< the answer carries it
  std::string domain;   ///< of the socket that the client came to
  std::string address;  ///< of the client
  PublicKey key;        ///< which the client has proven to have the secret of
};

/// The frames behind the envelope: version, id, domain, address, the socket's own routing id (not
/// the client's), mechanism, credentials. `invalid` when they are not of version 1.0, or the
/// mechanism is not CURVE.
Result<ZapRequest> read_zap_request(const std::vector<std::string_view>& frames);

/// A property of a message's metadata, as ZMTP writes it (ZeroMQ RFC 23). `name`: at most 255
/// bytes.
std::string metadata(std::string_view name, std::string_view value);

/// The client comes in; each of its messages has the metadata "User-Id", which is `user`, and
/// `more`.
std::vector<std::string> zap_admission(const ZapRequest& request, std::string_view user,
                                       std::string_view more);
/// It does not, and libzmq has it try again later. (After 400 a client's socket would never try
/// again, though its key be allowed a moment later.)
std::vector<std::string> zap_denial(std::string_view request_id);

}  // namespace drover::messaging
