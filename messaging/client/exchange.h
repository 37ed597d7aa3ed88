// Exchange: one request on its way to its answer, or to that of each node it is for.
#pragma once

#include <functional>
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
  /// Until each node has answered that the dispatcher names. What has come is in `answers` also
  /// when it fails, and what is there already is not waited for.
  Result<> run_for_nodes(NodeAnswers& answers, system::Instant until, const system::Stop& stop);

  /// After a failure: whether the next dispatcher may do better. This one is silent, its connection
  /// broke, or it cannot reach the node.
  bool may_move_on() const { return moves_on_; }
  /// Why the request was not served yet, in somebody's words and not by their silence.
  const std::optional<Error>& last_word() const { return last_word_; }

 private:
  /// Takes one message that answers the request; true when that was all.
  using Take = std::function<Result<bool>(const Incoming& message)>;

  Result<> work(const Take& take, system::Instant until, const system::Stop& stop);
  /// Sends once a connection is there. False when there was none until `until`.
  Result<bool> send(system::Instant until, const system::Stop& stop);
  /// False when the request is to be sent again.
  Result<bool> wait_for_answers(const Take& take, system::Instant until, const system::Stop& stop);
  /// The answer that ends the exchange; none when the request is to be sent again.
  Result<std::optional<Answer>> judge(const Incoming& message);
  /// Whether every node has answered now.
  Result<bool> take_of_node(const Incoming& message, NodeAnswers& answers);
  bool has_others() const { return bus_.size() > 1; }
  Failure no_answer() const;

  Channel& channel_;
  const Bus& bus_;
  const ClientOptions& options_;
  std::string_view kind_;
  std::uint64_t rq_;
  std::string body_;
  Resend resend_;
  system::Instant next_send_{};
  system::Instant silent_after_{};
  bool told_nodes_ = false;
  bool moves_on_ = false;
  std::optional<Error> last_word_;  // why the node asked us to come back
};

}  // namespace drover::messaging
