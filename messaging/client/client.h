// Client: asks a node things and hands it jobs, over the sockets in its bus folder, or over tcp.
//
//   Client client = TRY(Client::open("/run/drover/bus"));
//   const json::Value accepted = TRY(client.submit(request, client.in(std::chrono::seconds(60)),
//   stop));
//
// A message handed to libzmq may never arrive, so every request is sent again under the same number
// until it is answered: 1 s, 2 s, 4 s, ... at most 30 s, each with full jitter. All requests allow
// that: queries change nothing, and a job's id makes the node do it once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
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

struct ClientOptions {
  std::chrono::milliseconds first_resend{1000};
  std::chrono::milliseconds longest_resend{30'000};
  /// A query unanswered for this long has failed.
  std::chrono::milliseconds query_timeout{10'000};
  /// A socket where nobody has ever answered is given up after this.
  std::chrono::milliseconds connect_timeout{3000};
  /// A node that is silent for this long is taken for gone by a Subscription or a Stream.
  std::chrono::milliseconds silence_limit{30'000};
};

struct Answer {
  std::string kind;
  json::Value body;
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
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// The first answer that is neither "busy" nor an error `unavailable`; these are waited out and
  /// the request sent again. An answer of kind "error" is the error it tells. At `until`:
  /// `unavailable` with the node's last word when there was one, `timed_out` when there was none.
  Result<Answer> request(std::string_view kind, const json::Value& body, system::Instant until,
                         const system::Stop& stop);
  /// The same with the query's timeout; an answer of another kind is `broken`.
  Result<json::Value> query(std::string_view kind, const json::Value& body,
                            const system::Stop& stop);

  /// Hands over a job and returns it as the node has it (docs/queries.md, JOB), with "duplicate".
  /// When it fails by `timed_out` the node may have it or not: submit it again with the same id.
  Result<json::Value> submit(const JobRequest& job, system::Instant until,
                             const system::Stop& stop);

  Result<json::Value> node(const system::Stop& stop);
  /// The answer to "query.THINGS" ("containers", "images", "volumes", "networks", "links",
  /// "storages"), all of them, page by page, in the first page's answer. Its seq is the first
  /// page's too: what changed meanwhile comes again as events behind it.
  Result<json::Value> all(const std::string& things, const system::Stop& stop);
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

  system::Instant in(std::chrono::milliseconds time) const;
  const ClientOptions& options() const { return options_; }
  const std::shared_ptr<Bus>& bus() const { return bus_; }

 private:
  Client(std::shared_ptr<Bus> bus, ClientOptions options);
  Result<Channel*> channel_for(std::string_view kind);
  /// As `all`; `key` is the member by which the node has them in order.
  Result<json::Value> pages(const std::string& things, std::string_view key,
                            const system::Stop& stop);

  std::shared_ptr<Bus> bus_;
  ClientOptions options_;
  std::uint64_t last_rq_ = 0;
  std::unique_ptr<Channel> jobs_;
  std::unique_ptr<Channel> queries_;
};

}  // namespace drover::messaging
