#include "messaging/dispatch/campaigns/etcd_store.h"

#include <charconv>
#include <utility>

#include "agent/core/ids.h"
#include "messaging/dispatch/campaigns/campaign_order.h"

namespace drover::dispatch {
namespace {

/// Of an order. A request of etcd's has at most 1.5 MiB (etcd, --max-request-bytes).
constexpr std::size_t kChunk = std::size_t{512} << 10;
constexpr std::int64_t kMostChunks = kMostCampaignBytes / kChunk + 1;

std::string claim_of(const std::string& dispatcher) {
  return "dispatcher." + dispatcher;
}

/// A number in front, as the head and keys have it; none when there is none before `end`.
std::optional<std::int64_t> number_of(std::string_view text, std::string_view end = {}) {
  std::int64_t number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<std::size_t>(at - text.data()));
  const bool good =
      error == std::errc() && number >= 0 && (end.empty() ? rest.empty() : rest.starts_with(end));
  return good ? std::optional(number) : std::nullopt;
}

}  // namespace

EtcdStore::EtcdStore(etcd::Client& client, std::string prefix, std::string dispatcher,
                     const system::Stop& stop, etcd::ClaimTimes times, etcd::Claims::BootTime now)
    : client_(client),
      prefix_(std::move(prefix)),
      name_(std::move(dispatcher)),
      stop_(stop),
      now_(now),
      renew_every_(std::chrono::nanoseconds(times.ttl) / 4),
      claims_(client, prefix_, times, std::move(now)) {}

bool EtcdStore::holds() const {
  return now_().count() < good_until_.load();
}

std::string EtcdStore::text_of(const Owner& owner) {
  return json::write(json::Object{{"dispatcher", owner.dispatcher},
                                  {"attempt", owner.attempt},
                                  {"chunks", owner.chunks},
                                  {"whole", owner.whole}});
}

std::optional<EtcdStore::Owner> EtcdStore::owner_from(const std::string& text) {
  const Result<json::Value> value = json::parse(text);
  if (!value) {
    return std::nullopt;
  }
  Owner owner{std::string(value->at("dispatcher").string_or("")),
              value->at("attempt").integer_or(0), value->at("chunks").integer_or(0),
              value->at("whole").boolean_or(false)};
  const bool good = !owner.dispatcher.empty() && owner.attempt > 0 && owner.chunks > 0 &&
                    owner.chunks <= kMostChunks;
  return good ? std::optional(owner) : std::nullopt;
}

/// The claim's key is there, with our lease: also when time is over by our own reckoning.
etcd::Comparison EtcdStore::we_live() const {
  return etcd::Comparison::leased(prefix_ + "/claims/" + claim_of(name_), claim_->lease);
}

Result<> EtcdStore::need_claim() const {
  if (!claim_) {
    return fail(Code::unavailable,
                "keep a batch: dispatcher {} has no claim in etcd now; try again", name_);
  }
  return {};
}

Result<bool> EtcdStore::hold_claim() {
  if (claim_) {
    if (now_() - renewed_at_ < renew_every_) {
      return false;
    }
    const std::chrono::nanoseconds asked_at = now_();
    const Result<> renewed = claims_.renew(*claim_, stop_);
    if (renewed) {
      renewed_at_ = asked_at;
      good_until_ = claim_->good_until.count();
      return false;
    }
    if (renewed.error().code != Code::not_found) {
      return Failure(renewed.error());
    }
    good_until_ = 0;
    claim_.reset();
    own_.clear();
  }
  const std::chrono::nanoseconds asked_at = now_();
  const auto taken = TRY(claims_.take(claim_of(name_), name_, stop_));
  if (std::holds_alternative<etcd::Holder>(taken)) {
    return fail(Code::conflict,
                "drive batches: dispatcher {} has its claim in etcd already: another one of that "
                "name runs, or this one was ended a moment ago, and its claim ends soon",
                name_);
  }
  claim_ = std::get<etcd::Claim>(taken);
  renewed_at_ = asked_at;
  good_until_ = claim_->good_until.count();
  return true;
}

Result<> EtcdStore::release() {
  if (!claim_) {
    return {};
  }
  good_until_ = 0;
  own_.clear();
  const etcd::Claim claim = *std::exchange(claim_, std::nullopt);
  return claims_.release(claim, stop_);
}

Result<> EtcdStore::put_order(const StoredCampaign& campaign, const Owner& making) {
  for (std::int64_t chunk = 0; chunk < making.chunks; ++chunk) {
    etcd::Transaction put;
    put.when = {etcd::Comparison::holds(owner_key(campaign.id), text_of(making)), we_live()};
    put.then = {etcd::Put{folder(campaign.id) + "order/" + std::to_string(chunk),
                          campaign.order.substr(static_cast<std::size_t>(chunk) * kChunk, kChunk)}};
    put.repeatable = true;
    const etcd::TransactionAnswer answer = TRY(client_.transact(put, stop_));
    if (!answer.succeeded) {
      return fail(Code::unavailable, "keep batch {}: this dispatcher lost its claim; try again",
                  campaign.id);
    }
  }
  return {};
}

Result<> EtcdStore::create(const StoredCampaign& campaign) {
  TRY(need_claim());
  const std::string& id = campaign.id;
  const std::string key = owner_key(id);
  const auto chunks = static_cast<std::int64_t>((campaign.order.size() + kChunk - 1) / kChunk);
  const Owner making{name_, claim_->attempt, chunks, false};
  Owner whole = making;
  whole.whole = true;

  const etcd::RangeAnswer there = TRY(client_.range({etcd::Keys::one(key)}, stop_));
  etcd::Transaction begin;
  begin.when = {we_live()};
  if (there.items.empty()) {
    begin.when.push_back(etcd::Comparison::absent(key));
  } else {
    const std::optional<Owner> owner = owner_from(there.items.front().value);
    const bool ours = owner && owner->dispatcher == name_ && owner->attempt == claim_->attempt;
    if (!ours) {
      return fail(Code::unavailable,
                  "keep batch {}: dispatcher {} has one of that id; ask that one, or try again "
                  "when it is gone",
                  id, owner ? owner->dispatcher : "of an unknown name");
    }
    if (owner->whole) {
      // Only what was not answered is sent again by us.
      Own own{*owner, {}};
      const StoredCampaign kept = TRY(read(id, *owner, own.head));
      if (kept.order != campaign.order) {
        return fail(Code::conflict, "keep batch {}: there is another one of that id", id);
      }
      own_.insert_or_assign(id, std::move(own));
      return {};
    }
    begin.when.push_back(etcd::Comparison::unchanged(key, there.items.front().mod_revision));
  }
  begin.then = {etcd::Delete{etcd::Keys::below(folder(id))}, etcd::Put{key, text_of(making)}};
  const etcd::TransactionAnswer began = TRY(client_.transact(begin, stop_));
  if (!began.succeeded) {
    return fail(Code::unavailable, "keep batch {}: another dispatcher took the id; try again", id);
  }
  TRY(put_order(campaign, making));

  const Head head{1, campaign.progress.at(0)};
  etcd::Transaction end;
  end.when = {etcd::Comparison::holds(key, text_of(making)), we_live()};
  end.then = {etcd::Put{key, text_of(whole)}};
  for (const auto& [number, text] : campaign.progress) {
    end.then.emplace_back(etcd::Put{folder(id) + "progress/" + std::to_string(number),
                                    number == 0 ? head.value() : text});
  }
  end.otherwise = {etcd::Range{etcd::Keys::one(key)}};
  end.repeatable = true;  // the second time it finds its own word
  const etcd::TransactionAnswer ended = TRY(client_.transact(end, stop_));
  const bool before = !ended.succeeded && ended.operations.size() == 1 &&
                      !ended.operations[0].items.empty() &&
                      ended.operations[0].items[0].value == text_of(whole);
  if (!ended.succeeded && !before) {
    return fail(Code::unavailable, "keep batch {}: this dispatcher lost its claim; try again", id);
  }
  own_.insert_or_assign(id, Own{whole, head});
  return {};
}

Result<> EtcdStore::write(const std::string& id, const Pieces& changed) {
  TRY(need_claim());
  const auto found = own_.find(id);
  if (found == own_.end()) {
    return fail(Code::conflict, "write how far batch {} is: another dispatcher drives it", id);
  }
  Own& own = found->second;
  const std::string head_key = folder(id) + "progress/0";
  // Once more when an earlier write was done whose answer was lost.
  for (int tries = 0; tries < 2; ++tries) {
    const auto new_head = changed.find(0);
    const Head head{own.head.writes + 1,
                    new_head == changed.end() ? own.head.text : new_head->second};
    etcd::Transaction put;
    put.when = {etcd::Comparison::holds(owner_key(id), text_of(own.owner)), we_live(),
                etcd::Comparison::holds(head_key, own.head.value())};
    put.then = {etcd::Put{head_key, head.value()}};
    for (const auto& [number, text] : changed) {
      if (number != 0) {
        put.then.emplace_back(etcd::Put{folder(id) + "progress/" + std::to_string(number), text});
      }
    }
    put.otherwise = {etcd::Range{etcd::Keys::one(owner_key(id))},
                     etcd::Range{etcd::Keys::one(head_key)}};
    put.repeatable = true;
    const etcd::TransactionAnswer answer = TRY(client_.transact(put, stop_));
    if (answer.succeeded) {
      own.head = head;
      return {};
    }
    const bool both = answer.operations.size() == 2 && !answer.operations[0].items.empty() &&
                      !answer.operations[1].items.empty();
    if (!both || answer.operations[0].items[0].value != text_of(own.owner)) {
      own_.erase(found);
      return fail(Code::conflict, "write how far batch {} is: another dispatcher drives it", id);
    }
    const std::string& there = answer.operations[1].items[0].value;
    if (there == own.head.value()) {
      return fail(Code::unavailable,
                  "write how far batch {} is: the claim of dispatcher {} in etcd has ended", id,
                  name_);
    }
    const std::optional<std::int64_t> writes = number_of(there, " ");
    if (!writes) {
      return fail(Code::broken, "write how far batch {} is: \"{}\" of etcd is damaged", id,
                  head_key);
    }
    // It is ours, so nobody else has written it: this very write, or one that nobody heard of.
    own.head = Head{*writes, there.substr(there.find(' ') + 1)};
  }
  return fail(Code::unavailable, "write how far batch {} is: try again", id);
}

Result<> EtcdStore::remove(const std::string& id) {
  TRY(need_claim());
  const auto found = own_.find(id);
  if (found == own_.end()) {
    return {};
  }
  etcd::Transaction remove;
  remove.when = {etcd::Comparison::holds(owner_key(id), text_of(found->second.owner)), we_live()};
  remove.then = {etcd::Delete{etcd::Keys::one(owner_key(id))},
                 etcd::Delete{etcd::Keys::below(folder(id))}};
  remove.repeatable = true;
  TRY(client_.transact(remove, stop_));
  own_.erase(found);
  return {};
}

Result<StoredCampaign> EtcdStore::read(const std::string& id, const Owner& owner, Head& head) {
  StoredCampaign campaign{id, {}};
  for (std::int64_t chunk = 0; chunk < owner.chunks; ++chunk) {
    const etcd::RangeAnswer answer =
        TRY(client_.range({etcd::Keys::one(folder(id) + "order/" + std::to_string(chunk))}, stop_));
    // What is missing is missed by whoever reads the text.
    campaign.order += answer.items.empty() ? "" : answer.items.front().value;
  }
  const std::string below = folder(id) + "progress/";
  const etcd::RangeAnswer progress = TRY(client_.range({etcd::Keys::below(below)}, stop_));
  for (const etcd::KeyValue& item : progress.items) {
    const std::optional<std::int64_t> number =
        number_of(std::string_view(item.key).substr(below.size()));
    if (!number || *number > static_cast<std::int64_t>(kMostBatchItems)) {
      continue;
    }
    std::string text = item.value;
    if (*number == 0) {
      head.writes = number_of(text, " ").value_or(0);
      head.text = text.substr(text.find(' ') + 1);
      text = head.text;
    }
    campaign.progress.emplace(static_cast<int>(*number), std::move(text));
  }
  return campaign;
}

Result<bool> EtcdStore::has_ended(const Owner& owner, std::map<std::string, std::int64_t>& alive) {
  auto known = alive.find(owner.dispatcher);
  if (known == alive.end()) {
    const std::optional<etcd::Holder> holder =
        TRY(claims_.holder(claim_of(owner.dispatcher), stop_));
    known = alive.emplace(owner.dispatcher, holder ? holder->attempt : 0).first;
  }
  // A claim that has ended never comes back: the next one has a higher number.
  return known->second != owner.attempt;
}

Result<> EtcdStore::take_over(const std::string& id, const etcd::KeyValue& item, Owner owner) {
  etcd::Transaction change;
  change.when = {etcd::Comparison::unchanged(item.key, item.mod_revision), we_live()};
  const bool whole = owner.whole;
  owner.dispatcher = name_;
  owner.attempt = claim_->attempt;
  if (whole) {
    change.then = {etcd::Put{item.key, text_of(owner)}};
  } else {
    // Whoever ordered it was not answered, and sends it again.
    change.then = {etcd::Delete{etcd::Keys::one(item.key)},
                   etcd::Delete{etcd::Keys::below(folder(id))}};
  }
  const etcd::TransactionAnswer answer = TRY(client_.transact(change, stop_));
  if (!answer.succeeded || !whole) {
    return {};
  }
  Own own{owner, {}};
  StoredCampaign campaign = TRY(read(id, owner, own.head));
  found_.campaigns.push_back(std::move(campaign));
  own_.insert_or_assign(id, std::move(own));
  return {};
}

Result<TakenCampaigns> EtcdStore::take() {
  if (TRY(hold_claim())) {
    found_ = TakenCampaigns{true};
  }
  found_.elsewhere.clear();
  const std::string below = prefix_ + "/owners/";
  const etcd::RangeAnswer owners = TRY(client_.range({etcd::Keys::below(below)}, stop_));
  std::map<std::string, std::int64_t> alive;
  for (const etcd::KeyValue& item : owners.items) {
    const std::string id = item.key.substr(below.size());
    const std::optional<Owner> owner = owner_from(item.value);
    if (own_.contains(id) || !owner || !JobId::parse(id)) {
      continue;
    }
    const bool ours = owner->dispatcher == name_ && owner->attempt == claim_->attempt;
    bool ended = ours && owner->whole;
    if (!ours) {
      ended = TRY(has_ended(*owner, alive));
    }
    if (ended) {
      TRY(take_over(id, item, *owner));
    } else if (!ours) {
      found_.elsewhere.emplace(id, owner->dispatcher);
    }
  }
  return std::exchange(found_, {});
}

}  // namespace drover::dispatch
