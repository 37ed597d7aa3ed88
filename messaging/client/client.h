// Client: asks a node things and hands it jobs, over the sockets in its bus folder, or over tcp.
//
//   Client client = TRY(Client::open("/run/drover/bus"));
//   const json::Value accepted = TRY(client.submit(request, client.in(std::chrono::seconds(60)),
//   stop));
//
// A message handed to libzmq may never arrive, so every request is sent again under the same number
// until it is answered: 1 s, 2 s, 4 s, ... at most 30 s, each with full jitter. All requests allow
// that: queries change nothing, and a job's id makes the node do it once.
//
// Of a cluster it asks a dispatcher, which hands on to the nodes what is for them (set_target), and
// the next one when that falls silent:
//
//   Client client = TRY(Client::open(ClusterEndpoint{{...}}));
//   client.set_target("any");
//   const json::Value accepted = TRY(client.submit(request, ...));   // with "node"
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/event_filter.h"
#include "agent/core/event_position.h"
#include "agent/core/job.h"
#include "agent/core/json.h"
#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::messaging {

class Bus;
class Channel;
class NodeEndpoint;
struct ClusterEndpoint;

struct ClientOptions {
  std::chrono::milliseconds first_resend{1000};
  std::chrono::milliseconds longest_resend{30'000};
  /// A query unanswered for this long has failed.
  std::chrono::milliseconds query_timeout{10'000};
  /// A socket where nobody has ever answered is given up after this.
  std::chrono::milliseconds connect_timeout{3000};
  /// A node that is silent for this long is taken for gone by a Subscription or a Stream.
  std::chrono::milliseconds silence_limit{30'000};
  /// Whether a request is sent again when it was answered by `unavailable`, or has failed then.
  bool waits_for_unavailable = true;
};

struct Answer {
  std::string kind;
  json::Value body;
  std::string node{};  ///< of a cluster, whose answer it is; "" for the dispatcher's own
};

/// What became of a request to several nodes of a cluster.
struct NodeAnswers {
  std::vector<std::string> nodes{};    ///< whom the dispatcher has asked
  std::vector<std::string> unknown{};  ///< names and patterns of the target that fit no node
  std::map<std::string, Result<Answer>> answers{};

  /// Of the dispatcher's {"nodes":[...],"unknown":[...]}.
  void take_nodes(const json::Value& body);
  bool complete() const;
};

struct EventPage {
  std::string epoch;
  std::uint64_t head = 0;     ///< seq of the node's newest event
  std::uint64_t oldest = 1;   ///< of the first one that is still kept
  std::uint64_t through = 0;  ///< no other that was asked for has a number up to this one
  json::Object kinds;         ///< how many events of each kind there were at `head`
  std::vector<Event> events;
};

/// For one thread, together with the subscriptions and streams made from it. Every call ends with
/// `cancelled` soon after `stop` was requested.
class Client {
 public:
  /// Of the folder of a node's sockets: `unavailable` at once when there are none.
  static Result<Client> open(system::Path bus, ClientOptions options = {});
  /// Of a node wherever it is (endpoint.h).
  static Result<Client> open(NodeEndpoint endpoint, ClientOptions options = {});
  /// Of a cluster (endpoint.h).
  static Result<Client> open(ClusterEndpoint cluster, ClientOptions options = {});
  /// As this one, with connections of its own.
  Client another() const;
  Client another(ClientOptions options) const;
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  bool is_cluster() const;
  /// For which nodes of a cluster all is that is asked from now on, as docs/dispatch.md has it.
  /// What is said here of "the node" holds for one node's name, and of a job for "any", too; the
  /// other targets are for `request_nodes`. "" for what the dispatcher itself is asked.
  void set_target(std::string target) { target_ = std::move(target); }
  const std::string& target() const { return target_; }
  /// What jobs for "any" need of their node, in place of what their specs say.
  void set_needs(json::Object needs) { needs_ = std::move(needs); }

  /// The first answer that is neither "busy" nor an error `unavailable`; these are waited out and
  /// the request sent again. An answer of kind "error" is the error it tells. At `until`:
  /// `unavailable` with the node's last word when there was one, `timed_out` when there was none.
  Result<Answer> request(std::string_view kind, const json::Value& body, system::Instant until,
                         const system::Stop& stop);
  /// The same with the query's timeout; an answer of another kind is `broken`.
  Result<json::Value> query(std::string_view kind, const json::Value& body,
                            const system::Stop& stop);

  /// Of a cluster: the same request to each node that the target means. An error is one node's
  /// answer like any other; who has not answered by `until` has `timed_out`. Fails when the
  /// dispatcher refuses it, or none is there.
  Result<NodeAnswers> request_nodes(std::string_view kind, const json::Value& body,
                                    system::Instant until, const system::Stop& stop);

  /// Hands over a job and returns it as the node has it (docs/queries.md, JOB), with "duplicate",
  /// and of a cluster with "node".
  /// When it fails by `timed_out` the node may have it or not: submit it again with the same id.
  Result<json::Value> submit(const JobRequest& job, system::Instant until,
                             const system::Stop& stop);
  /// The same to each node that the target means, where it has a job of its own of that id.
  Result<NodeAnswers> submit_to_nodes(const JobRequest& job, system::Instant until,
                                      const system::Stop& stop);

  Result<json::Value> node(const system::Stop& stop);
  /// The answer to "query.THINGS" ("containers", "images", "volumes", "networks", "links",
  /// "storages"), all of them, page by page, in the first page's answer. Its seq is the first
  /// page's too: what changed meanwhile comes again as events behind it.
  Result<json::Value> all(const std::string& things, const system::Stop& stop);
  /// Of a cluster: the same of each node that the target means, its pages put together.
  Result<NodeAnswers> all_of_nodes(const std::string& things, const system::Stop& stop);
  Result<json::Value> containers(const system::Stop& stop);
  Result<json::Value> container(std::string_view name, const system::Stop& stop);
  /// The same, or what the node remembers of a deleted one: its status is "gone" then.
  Result<json::Value> container_or_deleted(std::string_view name, const system::Stop& stop);
  Result<json::Value> explain(std::string_view name, const system::Stop& stop);
  /// The array of all, page by page, by kind, place and name.
  Result<json::Value> leaks(const system::Stop& stop);
  Result<json::Value> job(std::string_view id, const system::Stop& stop);
  /// The array, newest first.
  Result<json::Value> jobs(std::int64_t most, const system::Stop& stop);
  /// The events behind `after`, oldest first, that the filter takes. A page of another epoch has
  /// none.
  Result<EventPage> events(const EventPosition& after, std::int64_t most, const system::Stop& stop,
                           const EventFilter& filter = {});

  /// Of a cluster, what its dispatcher knows: the answers to "dispatch.THINGS" ("nodes",
  /// "containers"), all of them, page by page.
  Result<json::Value> known(const std::string& things, const system::Stop& stop);
  /// On which nodes this container or job is: {"id","places":[{"node","kind","state",
  /// "unreachable"}]}.
  Result<json::Value> where(std::string_view id, const system::Stop& stop);

  system::Instant in(std::chrono::milliseconds time) const;
  const ClientOptions& options() const { return options_; }
  const std::shared_ptr<Bus>& bus() const { return bus_; }

 private:
  Client(std::shared_ptr<Bus> bus, ClientOptions options);
  Result<Channel*> channel_for(std::string_view kind);
  void close_channels();
  /// Of the header, in a cluster.
  json::Object members_for(std::string_view kind) const;
  json::Object members_for(const JobRequest& job) const;
  /// As `all` of "FAMILY.THINGS"; `key` is the member by which they are in order.
  Result<json::Value> pages(const std::string& things, std::string_view key,
                            const system::Stop& stop, std::string_view family = "query.");
  Result<json::Value> rest_of_pages(const std::string& kind, std::string_view key,
                                    json::Value first, const system::Stop& stop);
  /// The answer; with `answers` those of all nodes are there, and it has none.
  Result<Answer> ask_cluster(std::string_view kind, const json::Object& members,
                             const std::string& body, system::Instant until,
                             const system::Stop& stop, NodeAnswers* answers);
  Result<Answer> ask_dispatcher(std::string_view kind, const json::Object& members,
                                const std::string& body, system::Instant until,
                                const system::Stop& stop, NodeAnswers* answers, bool& moves_on);
  Result<NodeAnswers> ask_nodes(std::string_view kind, const json::Object& members,
                                const std::string& body, system::Instant until,
                                const system::Stop& stop);

  std::shared_ptr<Bus> bus_;
  ClientOptions options_;
  std::string target_{};
  std::optional<json::Object> needs_{};
  std::uint64_t last_rq_ = 0;
  bool was_heard_ = false;  // a dispatcher has answered
  std::unique_ptr<Channel> jobs_;
  std::unique_ptr<Channel> queries_;
};

}  // namespace drover::messaging
