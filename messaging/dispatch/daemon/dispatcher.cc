#include "messaging/dispatch/daemon/dispatcher.h"

#include <algorithm>
#include <utility>

#include "agent/system/log.h"
#include "messaging/dispatch/daemon/own_event.h"

namespace drover::dispatch {

Dispatcher::Dispatcher(std::string name, std::uint64_t own_client, Post& post, system::Clock& clock)
    : name_(std::move(name)),
      own_client_(own_client),
      post_(post),
      clock_(clock),
      agents_(ledger_, post,
              {[this](const NodeChange& change) { changed(change); },
               [this](const std::string& node, const json::Value& event) {
                 if (errands_) {
                   errands_->heard(node, event);
                 }
               }}),
      requests_(ledger_, agents_, post) {}

Errands& Dispatcher::keep(std::unique_ptr<CampaignStore> store) {
  return errands_.emplace(Errands::Around{name_, own_client_, clock_, ledger_, agents_, post_},
                          std::move(store));
}

void Dispatcher::asked(const Asker& asker, const messaging::Header& header, std::string body,
                       std::string data, Moment now) {
  const Result<> done = answer(asker, header, std::move(body), std::move(data), now);
  if (!done) {
    post_.to_client(asker.client, {messaging::write_header("error", header.rq),
                                   messaging::write_error(done.error())});
  }
}

Result<> Dispatcher::answer(const Asker& asker, const messaging::Header& header, std::string body,
                            std::string data, Moment now) {
  const bool is_own = header.kind.starts_with(kOwnKinds);
  const std::optional<KeyRole> for_errand = role_for_errand(header.kind);
  KeyRole needed = KeyRole::observe;
  if (for_errand) {
    needed = *for_errand;
  } else if (is_own) {
    needed = TRY(role_for_own(header.kind));
  } else {
    TRY(messaging::check_kind(messaging::Role::admin, header.kind));
    needed = messaging::key_role_for(header.kind);
  }
  if (!allows({asker.role}, needed)) {
    return fail(Code::refused, "kind \"{}\": key {} has not the role {} here", header.kind,
                asker.name, to_string(needed));
  }
  TRY(messaging::check_form(header, data.size()));
  if (!is_own) {
    return requests_.asked(asker, header, std::move(body), std::move(data), now);
  }
  const json::Value question = TRY(json::parse(body).context("read the body"));
  if (for_errand) {
    if (!errands_) {
      return fail(Code::unavailable,
                  "this dispatcher has no place to keep batches and drains: its log says why");
    }
    errands_->asked(asker, header, question);
    return {};
  }
  const json::Value told = TRY(answer_own(ledger_, since_, header.kind, question));
  post_.to_client(asker.client, {messaging::write_header("answer", header.rq), json::write(told)});
  return {};
}

void Dispatcher::said(std::uint64_t connection, const AllowedKey& key,
                      const messaging::Envelope& envelope, const messaging::Header& header,
                      std::string body, std::string data, Moment now) {
  if (envelope.client) {
    const std::string& node = agents_.node_of(connection);
    if (*envelope.client == own_client_ && errands_) {
      errands_->answered(node, header, body);
    } else if (!node.empty()) {
      requests_.answered(node, *envelope.client, header, std::move(body), std::move(data));
    }
    return;
  }
  if (const Result<> heard = agents_.said(connection, key, header, body, now); !heard) {
    system::log_warning("the agent with key {}: {}", key.name.str(), to_text(heard.error()));
  }
}

void Dispatcher::tick(Moment now) {
  for (const NodeChange& change : ledger_.tick(now)) {
    changed(change);
  }
  requests_.tick(now);
  if (errands_) {
    errands_->tick();
  }
}

void Dispatcher::client_gone(std::uint64_t client) {
  requests_.gone(client);
}

void Dispatcher::changed(const NodeChange& change) {
  if (errands_) {
    errands_->node_changed(change);
  }
  if (change.what == NodeChange::What::renewed && change.missing.empty() &&
      change.doubled.empty() && !change.lost_journal) {
    return;
  }
  const std::int64_t at = clock_.unix_ms();
  since_[change.node] = at;
  if (change.what == NodeChange::What::dead) {
    requests_.dead(change.node);
  }
  system::log_info("node {}: {}", change.node, to_string(change.what));
  json::Object data;
  if (change.lost_journal) {
    data.set("lost_journal", true);
  }
  for (const auto& [member, ids] :
       {std::pair("missing", &change.missing), std::pair("doubled", &change.doubled)}) {
    if (!ids->empty()) {
      json::Array list;
      for (const std::string& id : *ids) {
        list.emplace_back(id);
      }
      data.set(member, std::move(list));
    }
  }
  publish_own(post_, name_, at,
              {"node", change.node, to_string(change.what), json::Value(std::move(data))});
}

}  // namespace drover::dispatch
