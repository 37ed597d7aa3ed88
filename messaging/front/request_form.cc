#include "messaging/front/request_form.h"

#include <string>
#include <utility>

namespace drover::messaging {

std::string_view text_of(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

Frames next_message(zmq::socket_t& socket, std::size_t most) {
  Frames frames;
  for (bool more = true; more;) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) {
      break;
    }
    more = frame.more();
    if (frames.size() < most) {
      frames.push_back(std::move(frame));
    }
  }
  return frames;
}

Result<Header> read_request(const Frames& frames, std::uint64_t& rq) {
  if (frames.size() != 2 && frames.size() != 3) {
    return fail(Code::invalid, "a request has a header frame and a body frame{}",
                frames.size() < 2 ? "" : ", for streams a third one, and no more");
  }
  Header header = TRY(read_header(text_of(frames.at(0))));
  rq = header.rq;
  if (frames.at(1).size() > kMostBody) {
    return fail(Code::invalid, "the body has {} bytes; the most is {}", frames.at(1).size(),
                kMostBody);
  }
  if (frames.size() == 3 && frames.at(2).size() > kMostData) {
    return fail(Code::invalid, "the data has {} bytes; the most is {}", frames.at(2).size(),
                kMostData);
  }
  return header;
}

Result<Record> make_record(const Header& header, const Frames& frames, Role role,
                           const JobSchema& schema) {
  TRY(check_form(header, frames.size() == 3 ? frames.at(2).size() : 0));
  if (header.kind == "job.submit") {
    TRY(schema.check(text_of(frames.at(1))));
  }
  json::Object known{{"kind", header.kind}, {"role", to_string(role)}, {"rq", header.rq}};
  if (takes_data(header.kind)) {
    known.set("offset", *header.all.find("offset"));
  }
  return Record{std::move(known), std::string(text_of(frames.at(1))),
                frames.size() == 3 ? std::string(text_of(frames.at(2))) : std::string()};
}

}  // namespace drover::messaging
