// Requests: what clients ask by way of the front, each answered.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/core/allow_list.h"
#include "agent/jobs/intake.h"
#include "agent/jobs/queries/answerers.h"
#include "agent/jobs/queries/input_streams.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/jobs/queries/port_streams.h"
#include "agent/jobs/queries/queries.h"
#include "agent/jobs/queries/upload_streams.h"
#include "messaging/record.h"

namespace drover::jobs {

/// Belongs to the loop's thread. The front has checked form and role; here both are checked again,
/// because a front may be somebody else's by now.
class Requests {
 public:
  using Send = std::function<void(messaging::Record)>;

  /// `answerers`: of what takes its time; nullptr where nobody asks for that.
  Requests(Books& books, Intake& intake, Queries& queries, LogStreams& streams,
           InputStreams& inputs, Send send, Answerers* answerers = nullptr)
      : books_(books),
        intake_(intake),
        queries_(queries),
        streams_(streams),
        inputs_(inputs),
        send_(std::move(send)),
        answerers_(answerers) {}

  /// Of a node that takes uploads.
  void take_uploads(UploadStreams& uploads) { uploads_ = &uploads; }
  /// Of one that leads to ports inside.
  void lead_to(PortStreams& ports) { ports_ = &ports; }

  void handle(const messaging::Record& record);

  /// nullptr when no key of this name is allowed.
  using FindKey = std::function<const AllowedKey*(std::string_view name)>;
  /// Of a node that is served over tcp. Without it whatever comes with a key is refused.
  void take_keys_from(FindKey find) { find_key_ = std::move(find); }

 private:
  struct Asker {
    std::uint64_t peer;
    std::uint64_t request;
  };
  /// Of a request that came with a key.
  struct Origin {
    std::string key;                ///< the name of whoever asks
    std::string via;                ///< of the dispatcher it came by; "" for none
    std::optional<KeyRole> within;  ///< the role that who asks has there
  };
  Result<Origin> origin_of(const json::Value& header) const;
  /// The key that a request came with, if it may still ask for it; the front is not believed.
  Result<const AllowedKey*> check_key(const Origin& origin, std::string_view kind,
                                      const std::string& body) const;
  /// `sender`: nullptr for one of this node's own clients.
  Result<> handle_kind(const Asker& asker, std::string_view kind, const messaging::Record& record,
                       const AllowedKey* sender);
  Result<> answer_later(const Asker& asker, Answerers::Find find);
  Result<> handle_stream(const Asker& asker, std::string_view kind, const std::string& body);
  Result<> handle_input(const Asker& asker, std::string_view kind, const messaging::Record& record);
  Result<> handle_upload(const Asker& asker, std::string_view kind, const messaging::Record& record,
                         const AllowedKey* sender);
  Result<> handle_port(const Asker& asker, std::string_view kind, const messaging::Record& record);
  void answer(const Asker& asker, std::string_view kind, std::string body);

  Books& books_;
  Intake& intake_;
  Queries& queries_;
  LogStreams& streams_;
  InputStreams& inputs_;
  Send send_;
  Answerers* answerers_;
  UploadStreams* uploads_ = nullptr;
  PortStreams* ports_ = nullptr;
  FindKey find_key_;
};

}  // namespace drover::jobs
