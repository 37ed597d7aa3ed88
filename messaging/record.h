// Record: what droverd and drover-front tell each other over their SEQPACKET pair.
//
// A packet holds one or more records, each
//     u32 header size | u32 body size | u32 data size | header | body | data     (little endian)
// The header is a small JSON object; body and data are the frames of a client's message as they
// are, so that the front never has to understand a body it only passes on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"

namespace drover::messaging {

/// Most bytes of each part. A client's frame is bounded by the first two before it comes here.
inline constexpr std::size_t kMostHeader = 4096;
inline constexpr std::size_t kMostBody = 256 * 1024;
inline constexpr std::size_t kMostData = 64 * 1024;
/// Most bytes of a packet: one largest record with its sizes.
inline constexpr std::size_t kMostPacket = 12 + kMostHeader + kMostBody + kMostData;

/// Which of the front's endpoints a request came by, and so what it may ask.
enum class Role { observe, submit, admin };
std::string_view to_string(Role role);

struct Record {
  /// Front to core: {"kind", "peer", "role", "rq"}, "offset" of what has data, and "key", the name
  /// of the allowed key that the client has proven to have (AllowedKey::name); without it the
  /// client came over this node's own sockets. What came by a dispatcher has besides "via", the
  /// name of its key, "within", the role that the client has there, and "for", which is "key" then
  /// too, unless the dispatcher asks in its own name; envelope.h and message.h have the kinds that
  /// are of a dispatcher's link itself; key_denial.h. Core to front: {"kind", "peer", "rq"} for an
  /// answer;
  /// {"kind":"event", "topic"} for what is to be published; front_keys.h. `peer` is the front's
  /// number for a client and means nothing after the front was started anew.
  json::Object header;
  std::string body;
  std::string data;
};

/// Appends the encoded record; `invalid` when a part is too large.
Result<> encode(const Record& record, std::string& packet);
/// All records of a packet; `invalid` when it is not exactly made of records within their bounds.
Result<std::vector<Record>> decode(std::string_view packet);

}  // namespace drover::messaging
