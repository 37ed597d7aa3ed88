// What a Client does in a cluster: the next dispatcher when one is silent, and answers by node.
#include <algorithm>

#include "messaging/client/bus.h"
#include "messaging/client/channel.h"
#include "messaging/client/client.h"
#include "messaging/client/exchange.h"
#include "messaging/dispatch/needs_of_spec.h"
#include "messaging/dispatch/target.h"

namespace drover::messaging {
namespace {

/// The target means one node, whichever it is, and is answered as a node answers.
bool is_one_node(std::string_view target) {
  const bool is_name = target.find_first_of(",*? =!~()\"") == std::string_view::npos;
  return target == "any" || (is_name && !target.empty() && target != "all");
}

std::vector<std::string> texts(const json::Value& list) {
  std::vector<std::string> found;
  if (const json::Array* array = list.array()) {
    for (const json::Value& text : *array) {
      found.emplace_back(text.string_or(""));
    }
  }
  return found;
}

}  // namespace

void NodeAnswers::take_nodes(const json::Value& body) {
  nodes = texts(body.at("nodes"));
  unknown = texts(body.at("unknown"));
}

bool NodeAnswers::complete() const {
  return std::all_of(nodes.begin(), nodes.end(),
                     [this](const std::string& node) { return answers.contains(node); });
}

Result<Client> Client::open(ClusterEndpoint cluster, ClientOptions options) {
  std::shared_ptr<Bus> bus = TRY(Bus::open(std::move(cluster)));
  return Client(std::move(bus), options);
}

Client Client::another() const {
  return another(options_);
}

Client Client::another(ClientOptions options) const {
  Client client(bus_, options);
  client.target_ = target_;
  client.needs_ = needs_;
  return client;
}

bool Client::is_cluster() const {
  return bus_->is_cluster();
}

json::Object Client::members_for(std::string_view kind) const {
  json::Object members;
  if (!target_.empty() && !kind.starts_with("dispatch.")) {
    members.set("to", target_);
  }
  return members;
}

json::Object Client::members_for(const JobRequest& job) const {
  json::Object members = members_for("job.submit");
  if (target_ == "any" && needs_) {
    members.set("needs", *needs_);
  } else if (target_ == "any" && job.spec) {
    members.set("needs", to_json(dispatch::needs_of(*job.spec)));
  }
  return members;
}

void Client::close_channels() {
  jobs_.reset();
  queries_.reset();
}

Result<Answer> Client::ask_dispatcher(std::string_view kind, const json::Object& members,
                                      const std::string& body, system::Instant until,
                                      const system::Stop& stop, NodeAnswers* answers,
                                      bool& moves_on) {
  moves_on = bus_->size() > 1;
  if (moves_on && jobs_ != nullptr && !jobs_->is_connected() && jobs_->lost()) {
    bus_->give_up(jobs_->which());
    close_channels();
  }
  Channel* channel = TRY(channel_for(kind));
  channel->set_members(members);
  Exchange exchange(*channel, *bus_, options_, kind, ++last_rq_, body);
  Answer answer;
  Result<> done;
  if (answers != nullptr) {
    done = exchange.run_for_nodes(*answers, until, stop);
  } else {
    Result<Answer> one = exchange.run(until, stop);
    done = one ? Result<>() : Failure(one.error());
    answer = one ? std::move(*one) : Answer();
  }
  moves_on = !done && exchange.may_move_on();
  was_heard_ = was_heard_ || done || exchange.last_word();
  if (!done) {
    return Failure(std::move(done).error());
  }
  return answer;
}

/// Each dispatcher is tried until one answers, with the same message: a job's id makes its node do
/// it once, and whoever has the job is where a dispatcher sends it again.
Result<Answer> Client::ask_cluster(std::string_view kind, const json::Object& members,
                                   const std::string& body, system::Instant until,
                                   const system::Stop& stop, NodeAnswers* answers) {
  for (std::size_t tried = 1;; ++tried) {
    const std::size_t which = jobs_ == nullptr ? bus_->current() : jobs_->which();
    bool moves_on = false;
    Result<Answer> answer = ask_dispatcher(kind, members, body, until, stop, answers, moves_on);
    // Where none has ever been heard there is probably none; else they may be on their way back.
    const bool waits = was_heard_ && options_.waits_for_unavailable;
    const bool was_all = tried >= bus_->size() && !waits;
    if (answer || !moves_on || was_all || std::chrono::steady_clock::now() >= until) {
      return answer;
    }
    bus_->give_up(which);
    close_channels();
    constexpr std::chrono::milliseconds kPause{50};
    TRY(system::SystemClock().sleep_until(std::min(until, in(kPause)), stop));
  }
}

Result<NodeAnswers> Client::ask_nodes(std::string_view kind, const json::Object& members,
                                      const std::string& body, system::Instant until,
                                      const system::Stop& stop) {
  NodeAnswers answers;
  const Result<Answer> asked = ask_cluster(kind, members, body, until, stop, &answers);
  if (asked) {
    return answers;
  }
  if (answers.nodes.empty() || asked.error().code == Code::cancelled) {
    return Failure(asked.error());
  }
  for (const std::string& node : answers.nodes) {
    answers.answers.try_emplace(node, fail(Code::timed_out, "{}: no answer from node {}: {}", kind,
                                           node, asked.error().message));
  }
  return answers;
}

Result<NodeAnswers> Client::request_nodes(std::string_view kind, const json::Value& body,
                                          system::Instant until, const system::Stop& stop) {
  if (!is_one_node(target_)) {
    return ask_nodes(kind, members_for(kind), json::write(body), until, stop);
  }
  NodeAnswers answers{{target_}, {}, {}};
  Result<Answer> answer = request(kind, body, until, stop);
  if (!answer && answer.error().code == Code::cancelled) {
    return Failure(std::move(answer).error());
  }
  answers.answers.insert_or_assign(target_, std::move(answer));
  return answers;
}

Result<NodeAnswers> Client::submit_to_nodes(const JobRequest& job, system::Instant until,
                                            const system::Stop& stop) {
  return ask_nodes("job.submit", members_for(job), json::write(to_json(job)), until, stop);
}

Result<NodeAnswers> Client::all_of_nodes(const std::string& things, const system::Stop& stop) {
  const std::string kind = "query." + things;
  NodeAnswers answers = TRY(request_nodes(kind, json::Object(), in(options_.query_timeout), stop));
  const std::string asked = target_;
  for (auto& [node, answer] : answers.answers) {
    if (!answer || answer->body.at("whole").boolean_or(true)) {
      continue;
    }
    target_ = node;
    Result<json::Value> all = rest_of_pages(kind, "name", std::move(answer->body), stop);
    if (all) {
      answer->body = std::move(*all);
    } else {
      answer = Failure(std::move(all).error());
    }
  }
  target_ = asked;
  return answers;
}

Result<json::Value> Client::known(const std::string& things, const system::Stop& stop) {
  return pages(things, "name", stop, "dispatch.");
}

Result<json::Value> Client::where(std::string_view id, const system::Stop& stop) {
  return query("dispatch.where", json::Object{{"id", id}}, stop);
}

}  // namespace drover::messaging
