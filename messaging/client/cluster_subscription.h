// ClusterSubscription: the state of several nodes of a cluster once, and then every change of each,
// by way of the dispatchers' events.
//
// Of each node it is what a Subscription is: its events come once and in order, and what is missing
// is asked for again, from that node. Events of two nodes have no order. All dispatchers are
// listened to at once, so that none is missed when one goes; what comes twice is given once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "messaging/client/subscription.h"
#include "messaging/dispatch/target.h"

namespace drover::messaging {

struct NodeNotice {
  std::string node;
  Notice notice;
};

struct ClusterSubscriptionOptions {
  /// Which nodes; of those that are not there yet each once it is.
  std::string target = "all";
  /// By node, as SubscriptionOptions::after; a node that is not named begins with a snapshot.
  std::map<std::string, EventPosition> after{};
  EventFilter filter{};
  std::vector<std::string> snapshot{"containers"};
};

/// For one thread. A node that is silent keeps nobody waiting: it goes on where it was when it is
/// back.
class ClusterSubscription {
 public:
  static Result<ClusterSubscription> open(const Client& client, ClusterSubscriptionOptions options,
                                          const system::Stop& stop);
  ~ClusterSubscription();
  ClusterSubscription(ClusterSubscription&&) noexcept;
  ClusterSubscription& operator=(ClusterSubscription&&) = delete;

  /// The next notice of any node; none at `until`. `unavailable` when nothing was heard of the
  /// whole cluster for the client's silence limit; calling again goes on.
  Result<std::optional<NodeNotice>> next(system::Instant until, const system::Stop& stop);

  /// Where each node's events are to be gone on with later, to miss nothing.
  std::map<std::string, EventPosition> positions() const;
  /// Nodes that could not be asked when that was needed last.
  std::vector<std::string> silent() const;
  /// Of all nodes, as Subscription has it.
  std::uint64_t replays() const;

 private:
  struct Socket;
  struct Node {
    std::unique_ptr<Subscription> events;
    bool begun = false;
    bool silent = false;
    system::Instant next_try{};  ///< while it has not begun, or is silent
    system::Duration pause{};
  };

  ClusterSubscription(const Client& client, ClusterSubscriptionOptions options,
                      dispatch::Target target);
  Result<> find_nodes(const system::Stop& stop);
  void add(const std::string& name);
  /// Has `act` done for the node by its subscription. A node that cannot be reached is tried again
  /// later.
  template <class Act>
  Result<> attempt(const std::string& name, Node& node, const Act& act);
  Result<> take(const std::string& topic, const std::string& body, const system::Stop& stop);
  Result<> take_stranger(const std::string& name, const std::string& body,
                         const system::Stop& stop);
  Result<> look_after(const system::Stop& stop);
  system::Instant next_look() const;

  ClusterSubscriptionOptions options_;
  dispatch::Target target_;
  std::unique_ptr<Client> asker_;
  std::unique_ptr<Socket> socket_;
  std::map<std::string, Node, std::less<>> nodes_;
  system::Instant last_heard_;
};

}  // namespace drover::messaging
