// Exchange: one request on its way to its answer.
#pragma once

#include <optional>
#include <string>

#include "messaging/client/channel.h"
#include "messaging/client/client.h"
#include "messaging/client/resend.h"

namespace drover::messaging {

/// For one thread, and gone when the request is answered.
class Exchange {
 public:
  Exchange(Channel& channel, const Bus& bus, const ClientOptions& options, std::string_view kind,
           std::uint64_t rq, std::string body);

  Result<Answer> run(system::Instant until, const system::Stop& stop);

 private:
  /// Sends once a connection is there. False when there was none until `until`.
  Result<bool> send(system::Instant until, const system::Stop& stop);
  /// The answer that ends the exchange; none when the request is to be sent again.
  Result<std::optional<Answer>> wait_for_answer(system::Instant until, const system::Stop& stop);
  Result<std::optional<Answer>> judge(const Incoming& message);
  Failure no_answer() const;

  Channel& channel_;
  const Bus& bus_;
  const ClientOptions& options_;
  std::string_view kind_;
  std::uint64_t rq_;
  std::string body_;
  Resend resend_;
  system::Instant next_send_{};
  std::optional<Error> last_word_;  // why the node asked us to come back
};

}  // namespace drover::messaging
