#include "messaging/dispatch/daemon/errands.h"

#include <array>
#include <utility>

#include "agent/core/ids.h"
#include "agent/system/log.h"
#include "messaging/dispatch/campaigns/job_news.h"
#include "messaging/dispatch/campaigns/requests.h"
#include "messaging/dispatch/daemon/own_event.h"

namespace drover::dispatch {
namespace {

/// What a node has not answered by then it does not answer; batches and drains ask again.
constexpr std::chrono::seconds kAnswerTakes{60};

constexpr std::array<std::pair<std::string_view, KeyRole>, 8> kErrands = {{
    {"dispatch.batch", KeyRole::submit},
    {"dispatch.batch.abort", KeyRole::submit},
    {"dispatch.batch.approve", KeyRole::submit},
    {"dispatch.batch.pause", KeyRole::submit},
    {"dispatch.batch.resume", KeyRole::submit},
    {"dispatch.batch.show", KeyRole::observe},
    {"dispatch.batches", KeyRole::observe},
    {"dispatch.drain", KeyRole::admin},
}};

/// "batch_ended" is told as kind "batch", "ended".
std::string_view behind_kind(std::string_view what, std::string_view kind) {
  return what.starts_with(kind) && what.size() > kind.size() ? what.substr(kind.size() + 1) : what;
}

}  // namespace

std::optional<KeyRole> role_for_errand(std::string_view kind) {
  for (const auto& [name, role] : kErrands) {
    if (name == kind) {
      return role;
    }
  }
  return std::nullopt;
}

Errands::Errands(Around around, std::unique_ptr<CampaignStore> store)
    : around_(std::move(around)),
      store_(std::move(store)),
      thread_(*store_),
      campaigns_(around_.clock, campaign_ports()),
      drains_(around_.clock, drain_ports()) {}

CampaignPorts Errands::campaign_ports() {
  return CampaignPorts{
      .in_store = [this](StoreWork work) { thread_.give(std::move(work)); },
      .holds = [this] { return store_->holds(); },
      .send =
          [this](const CampaignJob& job) {
            around_.ledger.sent(job.node, job.id, job.needed);
            send(Asked::batch_job, job.node, job.id, "job.submit", job.body, job.by, job.role);
          },
      .ask =
          [this](const CampaignJob& job) {
            send(Asked::state, job.node, job.id, "query.job",
                 json::write(json::Object{{"id", job.id}}), job.by, job.role);
          },
      .cancel =
          [this](const CampaignJob& job) {
            const auto now = static_cast<std::uint64_t>(around_.clock.unix_ms());
            send(Asked::nothing, job.node, job.id, "job.submit",
                 json::write(json::Object{
                     {"id", make_uuid7(now)}, {"verb", "job.cancel"}, {"target", job.id}}),
                 job.by, job.role);
          },
      .place = [this](const PlacementQuestion& question) { return place(question); },
      .liveness = [this](const std::string& node) -> std::optional<Liveness> {
        const NodeFacts* facts = around_.ledger.facts(node);
        return facts == nullptr ? std::nullopt : std::optional(facts->liveness);
      },
      .tell = [this](std::string_view what, const std::string& batch,
                     const json::Value& data) { tell("batch", batch, what, data); },
      .fault = [](const Error& error) { system::log_error("batches: {}", to_text(error)); },
  };
}

DrainPorts Errands::drain_ports() {
  return DrainPorts{
      .send =
          [this](const std::string& node, const std::string& job, const std::string& body,
                 const Orderer& orderer) {
            send(Asked::drain_job, node, job, "job.submit", body, orderer.by, orderer.role);
          },
      .ask =
          [this](const std::string& node, const std::string& name, const Orderer& orderer) {
            send(Asked::container, node, name, "query.container",
                 json::write(json::Object{{"name", name}}), orderer.by, orderer.role);
          },
      .place = [this](const PlacementQuestion& question) { return place(question); },
      .facts = [this](const std::string& node) { return around_.ledger.facts(node); },
      .elsewhere = [this](const std::string& name, const std::string& than) -> std::string {
        for (const Location& place : around_.ledger.where(name)) {
          if (place.kind == ThingKind::container && place.node != than && !place.unreachable) {
            return place.node;
          }
        }
        return "";
      },
      .ended = [this](const std::string& node,
                      const json::Value& end) { tell("drain", node, "ended", end); },
  };
}

Result<std::string> Errands::place(const PlacementQuestion& question) const {
  const NodeFacts* chosen = choose(question, around_.ledger.candidates());
  if (chosen == nullptr) {
    return fail(Code::unavailable, "no node fits it now: `drover plan` tells why");
  }
  return chosen->name;
}

void Errands::tell(std::string_view kind, std::string_view object, std::string_view what,
                   const json::Value& data) {
  publish_own(around_.post, around_.dispatcher, around_.clock.unix_ms(),
              {kind, object, behind_kind(what, kind), data});
}

void Errands::send(Asked asked, const std::string& node, const std::string& object,
                   std::string_view kind, std::string body, std::string_view by,
                   std::string_view role) {
  const std::uint64_t rq = next_++;
  const messaging::Envelope envelope{around_.own_client, std::string(by), key_role_from(role)};
  if (around_.agents.send(node, envelope, {messaging::write_header(kind, rq), std::move(body)})) {
    pending_.emplace(rq, Pending{asked, node, object, around_.clock.now()});
  }
}

void Errands::asked(const Asker& asker, const messaging::Header& header, const json::Value& body) {
  const auto answer = [&post = around_.post, client = asker.client,
                       rq = header.rq](const Result<json::Value>& told) {
    post.to_client(client, told ? Letter{messaging::write_header("answer", rq), json::write(*told)}
                                : Letter{messaging::write_header("error", rq),
                                         messaging::write_error(told.error())});
  };
  if (!take_request(campaigns_, drains_, header.kind, body,
                    {asker.name, std::string(to_string(asker.role))}, answer)) {
    answer(fail(Code::invalid, "there is no kind \"{}\"", header.kind));
  }
}

void Errands::answered(const std::string& node, const messaging::Header& header,
                       const std::string& body) {
  const auto found = pending_.find(header.rq);
  if (found == pending_.end() || found->second.node != node) {
    return;
  }
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  const Result<json::Value> read = json::parse(body);
  if (read && header.kind != "busy") {
    take_answer(pending, header, *read);
  }
}

void Errands::take_answer(const Pending& pending, const messaging::Header& header,
                          const json::Value& body) {
  const bool is_error = header.kind == "error";
  const Error error = is_error ? messaging::read_error(json::write(body)) : Error{};
  const std::optional<JobNews> news = is_error ? std::nullopt : news_of_job(body);
  switch (pending.asked) {
    case Asked::batch_job:
      if (is_error) {
        around_.ledger.unsent(pending.node, pending.object);
        campaigns_.refused(pending.node, pending.object, error);
      } else if (news) {
        campaigns_.heard(pending.node, news->job, news->state, news->message);
      }
      break;
    case Asked::state:
      if (is_error && error.code == Code::not_found) {
        campaigns_.unknown(pending.node, pending.object);
      } else if (news) {
        campaigns_.heard(pending.node, news->job, news->state, news->message);
      }
      break;
    case Asked::drain_job:
      if (is_error) {
        drains_.refused(pending.node, pending.object, error);
      } else if (news) {
        drains_.heard(pending.node, news->job, news->state, news->message);
      }
      break;
    case Asked::container:
      drains_.container(pending.node, pending.object,
                        is_error ? Result<json::Value>(Failure(error)) : body);
      break;
    case Asked::nothing:
      break;
  }
}

void Errands::heard(const std::string& node, const json::Value& event) {
  if (const std::optional<JobNews> news = news_of_event(event)) {
    campaigns_.heard(node, news->job, news->state, news->message);
    drains_.heard(node, news->job, news->state, news->message);
  }
}

void Errands::tick() {
  const system::Instant now = around_.clock.now();
  std::erase_if(pending_, [now](const auto& one) { return now - one.second.since > kAnswerTakes; });
  campaigns_.tick();
  drains_.tick();
}

}  // namespace drover::dispatch
