// run_job NODE NAME IMAGE COMMAND...: runs a container and tells each step until the job has ended.
//
// NODE is the folder of this machine's sockets, /run/drover/bus, or a node of other machines that
// /etc/drover/client.json or ~/.config/drover/client.json knows by that name. 0 when it has
// succeeded.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/event.h"
#include "agent/core/ids.h"
#include "agent/core/job.h"
#include "messaging/client/client.h"
#include "messaging/client/endpoint.h"
#include "messaging/client/known_nodes.h"
#include "messaging/client/subscription.h"

namespace {

using drover::Event;
using drover::JobRequest;
using drover::JobState;
using drover::Result;
using drover::messaging::Client;
using drover::messaging::KnownNodes;
using drover::messaging::NodeEndpoint;
using drover::messaging::Notice;
using drover::messaging::Subscription;
namespace json = drover::json;

/// TRY gives the value, or returns the error to the caller.
Result<Client> connect(const std::string& node) {
  if (node.starts_with('/')) {
    return Client::open(drover::system::Path(node));
  }
  const KnownNodes known = TRY(KnownNodes::read(KnownNodes::usual_files()));
  NodeEndpoint endpoint = TRY(drover::messaging::endpoint_of({node, "", {}}, known));
  return Client::open(std::move(endpoint));
}

/// Its id makes the node do it once, however often it is sent: keep it to send the same job again.
Result<JobRequest> job_of(std::string_view name, std::string_view image,
                          const std::vector<std::string>& command) {
  const std::int64_t now = drover::system::SystemClock().unix_ms();
  json::Object spec{{"image", image}, {"command", json::Array(command.begin(), command.end())}};
  return drover::read_job(json::Object{{"id", drover::make_uuid7(static_cast<std::uint64_t>(now))},
                                       {"verb", "container.run"},
                                       {"target", name},
                                       {"spec", std::move(spec)}});
}

bool has_ended(std::string_view state) {
  const std::optional<JobState> known = drover::job_state_from(state);
  return known && drover::is_final(*known);
}

/// The job as the node has it, once it has ended.
Result<json::Value> follow(Client& client, Subscription& events, const std::string& id,
                           const drover::system::Stop& stop) {
  for (;;) {
    const std::optional<Notice> notice = TRY(events.next(client.in(std::chrono::hours(1)), stop));
    if (!notice) {
      continue;
    }
    const Event* event = std::get_if<Event>(&*notice);
    if (event != nullptr) {
      const json::Value data(event->data);
      std::printf("%s %s\n", event->what.c_str(),
                  std::string(data.at("name").string_or("")).c_str());
    }
    // A snapshot instead of an event: the node has another journal, and what was before comes not.
    if (event == nullptr || has_ended(event->what)) {
      json::Value job = TRY(client.job(id, stop));
      if (has_ended(job.at("state").string_or(""))) {
        return job;
      }
    }
  }
}

Result<bool> run(const std::string& node, const JobRequest& job) {
  const drover::system::Stop stop;  // request() from another thread ends every wait
  Client client = TRY(connect(node));
  // Before the job is handed over, so that nothing of it is missed; of this job and nothing else.
  Subscription events = TRY(Subscription::open(
      client, {.filter = {.kinds = {"job"}, .object = job.id.str()}, .snapshot = {}}, stop));
  TRY(client.submit(job, client.in(std::chrono::seconds(60)), stop));
  const json::Value ended = TRY(follow(client, events, job.id.str(), stop));
  if (const json::Value* error = ended.find("error"); error != nullptr && !error->is_null()) {
    std::fprintf(stderr, "run_job: %s\n", std::string(error->at("message").string_or("")).c_str());
  }
  return ended.at("state").string_or("") == to_string(JobState::succeeded);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "run_job NODE NAME IMAGE COMMAND...\n");
    return 2;
  }
  const Result<JobRequest> job = job_of(argv[2], argv[3], {argv + 4, argv + argc});
  const Result<bool> succeeded = job ? run(argv[1], *job) : drover::Failure(job.error());
  if (!succeeded) {
    std::fprintf(stderr, "run_job: %s\n", to_text(succeeded.error()).c_str());
    return 1;
  }
  return *succeeded ? 0 : 1;
}
