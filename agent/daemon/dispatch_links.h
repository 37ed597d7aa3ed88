// DispatchLinks: what droverd tells the dispatchers that its front is connected to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "agent/jobs/journal/books.h"
#include "agent/jobs/queries/node_report.h"
#include "messaging/record.h"

namespace drover::daemon {

/// Belongs to the loop's thread. Events go to dispatchers as to all subscribers, by the front; here
/// is what they need besides: all that there is, once their link is up, and that the node is there.
class DispatchLinks {
 public:
  using Send = std::function<void(const messaging::Record&)>;

  /// All must outlive it. `servers`: how many dispatchers the node is to be connected to.
  DispatchLinks(jobs::Books& books, jobs::NodeReport& report, std::size_t servers, Send send)
      : books_(books), report_(report), servers_(servers), send_(std::move(send)) {}

  /// False for a record that is of no link itself.
  bool handle(const messaging::Record& record);
  /// Call it each second.
  void beat();
  /// The front has ended, and all links with it.
  void forget() { links_.clear(); }

 private:
  void say_hello(std::uint64_t link);

  jobs::Books& books_;
  jobs::NodeReport& report_;
  std::size_t servers_;
  Send send_;
  std::set<std::uint64_t> links_;                 // that are up, by the front's numbers
  std::optional<dispatch::NodeFacts> outline_{};  // as it was told last
};

}  // namespace drover::daemon
