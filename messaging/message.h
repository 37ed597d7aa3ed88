// Message: what a client and a node tell each other, frame by frame ([header][body] and for streams
// [data]). docs/protocol.md describes it for other people's programs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/core/key_role.h"
#include "agent/core/result.h"
#include "messaging/record.h"

namespace drover::messaging {

inline constexpr std::int64_t kProtocolVersion = 1;

/// The requests that come with a data frame, and with its "offset" in the header.
inline constexpr std::string_view kInputData = "input.data";
inline constexpr std::string_view kUploadData = "upload.data";
/// Of both directions.
inline constexpr std::string_view kPortData = "port.data";
inline bool takes_data(std::string_view kind) {
  return kind == kInputData || kind == kUploadData || kind == kPortData;
}

/// Front to core: this client will hear nothing more, so nothing need be sent to it.
inline constexpr std::string_view kPeerGone = "peer.gone";
/// Front to core: the link to a dispatcher is up, and what it hears first is a node.hello; it is
/// no more. Both with the header member "link", the front's number for it.
inline constexpr std::string_view kLinkUp = "link.up";
inline constexpr std::string_view kLinkDown = "link.down";

/// The header of a message of either direction.
struct Header {
  std::string kind;
  std::uint64_t rq = 0;  ///< the client's number for the request; the answer carries it
  json::Object all;      ///< every member, also those this version does not know
};

/// `invalid` when it is not an object {"v":1, "kind":..., "rq":...} of at most kMostHeader bytes.
/// Members that are not known are kept and ignored.
Result<Header> read_header(std::string_view text);
/// The header's text; `more` are the members besides v, kind and rq.
std::string write_header(std::string_view kind, std::uint64_t rq, const json::Object& more = {});

/// Whether a client of this role may send this kind: `refused` when only another role may,
/// `invalid` when there is no such kind.
Result<> check_kind(Role role, std::string_view kind);

/// The role that a key must have for this kind over tcp, by whatever endpoint. Of a job its verb
/// may need more (key_role_of).
KeyRole key_role_for(std::string_view kind);

/// `invalid` when a request has data and its kind takes none, or does not say at which offset they
/// begin.
Result<> check_form(const Header& header, std::size_t data_bytes);

/// The body of an answer of kind "error".
std::string write_error(const Error& error);
/// The inverse; `broken` with the text when it is no such body.
Error read_error(std::string_view body);

}  // namespace drover::messaging
