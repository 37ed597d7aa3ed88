// RequestForm: a client's message as it came by a socket, and the record that droverd gets of it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "agent/core/result.h"
#include "messaging/front/job_schema.h"
#include "messaging/message.h"
#include "messaging/record.h"

namespace drover::messaging {

using Frames = std::vector<zmq::message_t>;

std::string_view text_of(const zmq::message_t& frame);

/// The frames of the next message, at most `most` of them; those behind are dropped. None when
/// there is no message. Throws what libzmq throws.
Frames next_message(zmq::socket_t& socket, std::size_t most);

/// `frames`: header, body and perhaps data. `invalid` for any other number of them, and for one
/// that is larger than it may be. `rq` is set as soon as it is known, so that whoever asked can be
/// told.
Result<Header> read_request(const Frames& frames, std::uint64_t& rq);

/// {"kind","role","rq"} with "offset" of data, and the frames behind the header: `invalid` when
/// they are not of the form that the kind has, a job not of its schema.
Result<Record> make_record(const Header& header, const Frames& frames, Role role,
                           const JobSchema& schema);

}  // namespace drover::messaging
