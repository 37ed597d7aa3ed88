// JobWatch: one job from its submission to its end.
#pragma once

#include <chrono>
#include <string>

#include "agent/cli/command.h"
#include "agent/cli/progress.h"
#include "agent/core/job.h"
#include "messaging/client/subscription.h"

namespace drover::cli {

/// The session and the client must outlive it.
class JobWatch {
 public:
  /// Subscribes, so that no event of the job is missed, and then hands the job over. Of a cluster,
  /// to any node: hands it over, and follows it on the node that has it, which is the client's
  /// target then.
  static Result<JobWatch> submit(Session& session, messaging::Client& client,
                                 const JobRequest& request, bool quiet);

  /// Subscribes to a job that the node has already.
  static Result<JobWatch> follow(Session& session, messaging::Client& client, const std::string& id,
                                 bool quiet);

  /// Returns the job as the node has it once it has ended, whichever way. Shows its steps unless
  /// quiet. The first Ctrl-C cancels the job and goes on waiting for its end; the second leaves it
  /// to the node (`cancelled`).
  Result<json::Value> wait();
  /// Asks the node to cancel the job; `wait` sees its end.
  Result<> cancel();

  /// Go on behind the events that `wait` has read.
  messaging::Subscription& events() { return events_; }

 private:
  static Result<JobWatch> submit_to_any(Session& session, messaging::Client& client,
                                        const JobRequest& request, bool quiet);
  JobWatch(Session& session, messaging::Client& client, messaging::Subscription events,
           std::string id, bool quiet);
  /// Reads the next notice, and the job if that may tell of its end; false when none came within
  /// `turn`. What was interrupted goes on with the next call.
  Result<bool> see(std::chrono::milliseconds turn, const system::Stop& stop);
  bool may_end(const messaging::Notice& notice);

  Session* session_;
  messaging::Client* client_;
  messaging::Subscription events_;
  std::string id_;
  Progress progress_;
  json::Value job_;  // as last seen
  // One that was there before may have ended long ago; of a new one that ended before it was
  // answered the events follow.
  bool is_new_ = true;
  bool may_have_ended_ = false;  // since job_ was read
  bool told_ = false;            // of its end, by an event
};

}  // namespace drover::cli
