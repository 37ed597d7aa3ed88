#include "agent/jobs/reconcile/cluster_watch.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "agent/jobs/maintenance.h"
#include "agent/system/log.h"

namespace drover::jobs {
namespace {

/// The HA manager itself looks at its nodes every ten seconds.
constexpr std::chrono::seconds kAskEvery{10};
/// While jobs may wait for a quorum.
constexpr std::chrono::seconds kAskSoon{2};

constexpr const char* kNoQuorumFact = "no_quorum";

constexpr const char* kNoQuorum =
    "its cluster has no quorum: jobs that change something in Proxmox wait until most of the nodes "
    "see each other again; all others go on";

Result<std::int64_t> no_quorum_since(Journal& journal) {
  const std::string fact = TRY(journal.fact(kNoQuorumFact));
  std::int64_t since = 0;
  std::from_chars(fact.data(), fact.data() + fact.size(), since);
  return since;
}

Result<> tell_of_node(Books& books, const std::string& node, const std::string& what,
                      const std::string& message) {
  json::Object data;
  if (!message.empty()) {
    data.set("message", message);
  }
  return books.tell(Event{.kind = "node", .object = node, .what = what, .data = std::move(data)});
}

/// Whether we may not know. All else that is `refused` passes: a token that was renewed, or a
/// certificate that nobody trusts yet.
bool is_forbidden(const Error& error) {
  return error.code == Code::refused &&
         error.message.find("403 Permission check failed") != std::string::npos;
}

json::Value or_null(std::int64_t unix_ms) {
  return unix_ms == 0 ? json::Value() : json::Value(unix_ms);
}

json::Value or_null(const std::string& text) {
  return text.empty() ? json::Value() : json::Value(text);
}

}  // namespace

Result<> forget_cluster(Books& books, const std::string& node) {
  constexpr const char* kWhy = "the cluster of Proxmox VE is watched no more";
  if (TRY(no_quorum_since(books.journal())) != 0) {
    TRY(books.journal().set_fact(kNoQuorumFact, ""));
    TRY(tell_of_node(books, node, "quorum_restored", kWhy));
  }
  if (TRY(maintenance(books.journal()))) {
    TRY(set_maintenance(books.journal(), std::nullopt));
    TRY(tell_of_node(books, node, "maintenance_left", kWhy));
  }
  return {};
}

ClusterWatch::ClusterWatch(system::Loop& loop, Books& books, system::Clock& clock, proxmox::Ha& ha,
                           Options options)
    : loop_(loop),
      books_(books),
      clock_(clock),
      ha_(ha),
      options_(std::move(options)),
      thread_([this] { work(); }) {}

ClusterWatch::~ClusterWatch() {
  stop_.request();
  {
    // A thread that is about to wait must not miss it.
    const std::lock_guard lock(mutex_);
  }
  wanted_changed_.notify_all();
  thread_.join();
  if (next_look_ != 0) {
    loop_.cancel(next_look_);
  }
}

Result<> ClusterWatch::start() {
  seen_.no_quorum_since = TRY(no_quorum_since(books_.journal()));
  if (seen_.no_quorum_since != 0) {
    seen_.quorate = false;
  }
  if (const auto since = TRY(maintenance(books_.journal()))) {
    seen_.maintenance_since = since->since_unix_ms;
  }
  wake();
  return {};
}

void ClusterWatch::wake() {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  wanted_changed_.notify_one();
}

void ClusterWatch::work() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wanted_changed_.wait(lock, [this] { return stop_.requested() || wanted_; });
      wanted_ = false;
    }
    if (stop_.requested()) {
      return;
    }
    look(stop_);
  }
}

bool ClusterWatch::look(const system::Stop& stop) {
  const std::uint64_t question = ++questions_;
  const Result<proxmox::HaNode> answer = ha_.node(stop);
  bool lacks = false;
  const Result<> noted = books_.write([&](Books& books) -> Result<> {
    if (answer || answer.error().code != Code::cancelled) {
      TRY(note(question, answer));
    }
    lacks = TRY(no_quorum_since(books.journal())) != 0;
    return {};
  });
  if (!noted && noted.error().code != Code::cancelled) {
    system::log_error("note the state of the cluster: {}", noted.error().message);
  }
  return lacks;
}

Result<> ClusterWatch::note(std::uint64_t question, const Result<proxmox::HaNode>& answer) {
  if (question < noted_) {
    return {};  // one that was asked later was answered sooner
  }
  noted_ = question;
  Seen next = after(answer, TRY(known()));
  look_in(next.quorate == false ? kAskSoon : kAskEvery);
  TRY(note_quorum(next));
  TRY(note_maintenance(next));
  books_.after_commit([this, next](const Result<>& committed) {
    if (committed) {
      take_over(next);
    }
  });
  return {};
}

Result<ClusterWatch::Seen> ClusterWatch::known() const {
  // By the journal and not only by what was seen: an earlier answer of this turn is in it already.
  Seen known = seen_;
  known.no_quorum_since = TRY(no_quorum_since(books_.journal()));
  if (known.no_quorum_since != 0) {
    known.quorate = false;
  } else if (known.quorate == false) {
    known.quorate.reset();
  }
  const std::optional<Maintenance> since = TRY(maintenance(books_.journal()));
  known.maintenance_since = since ? since->since_unix_ms : 0;
  return known;
}

ClusterWatch::Seen ClusterWatch::after(const Result<proxmox::HaNode>& answer, Seen known) const {
  if (answer) {
    known.blind.clear();
    known.quorate = answer->quorate ? answer->quorate : known.quorate;
    known.ha_state = answer->state;
    known.maintenance_since = answer->maintenance ? clock_.unix_ms() : 0;
    return known;
  }
  const Error& error = answer.error();
  if (!is_forbidden(error)) {
    known.blind = error.message;
    return known;
  }
  Seen nothing;
  nothing.blind = error.message + "; grant Sys.Audit on / to have it watched";
  return nothing;
}

Result<> ClusterWatch::note_quorum(Seen& next) {
  next.no_quorum_since = TRY(no_quorum_since(books_.journal()));
  const bool is_lost = next.quorate == false;
  if (is_lost == (next.no_quorum_since != 0)) {
    return {};
  }
  next.no_quorum_since = is_lost ? clock_.unix_ms() : 0;
  TRY(books_.journal().set_fact(kNoQuorumFact,
                                is_lost ? std::to_string(next.no_quorum_since) : ""));
  return is_lost ? tell("quorum_lost", kNoQuorum) : tell("quorum_restored", next.blind);
}

Result<> ClusterWatch::note_maintenance(Seen& next) {
  const bool is_on = next.maintenance_since != 0;
  const std::optional<Maintenance> before = TRY(maintenance(books_.journal()));
  if (is_on == before.has_value()) {
    next.maintenance_since = before ? before->since_unix_ms : 0;
    return {};
  }
  const Maintenance now{next.maintenance_since, options_.proxmox_node};
  TRY(set_maintenance(books_.journal(), is_on ? std::optional(now) : std::nullopt));
  return is_on ? tell("maintenance_entered",
                      fmt::format("by the HA manager of Proxmox VE: no containers are made or "
                                  "started here until it ends: {}",
                                  command_to_end(now)))
               : tell("maintenance_left", next.blind);
}

Result<> ClusterWatch::tell(const std::string& what, const std::string& message) {
  return tell_of_node(books_, options_.node, what, message);
}

void ClusterWatch::take_over(const Seen& next) {
  const Seen before = std::exchange(seen_, next);
  if (!next.blind.empty() && before.blind.empty()) {
    system::log_warning("whether this node has a quorum or is in maintenance is not known: {}",
                        next.blind);
  } else if (next.blind.empty() && !before.blind.empty()) {
    system::log_info("whether this node has a quorum or is in maintenance is known again");
  }
  const bool quorum_changed = (before.no_quorum_since != 0) != (next.no_quorum_since != 0);
  if (quorum_changed && lacks_quorum()) {
    system::log_warning("{}", kNoQuorum);
  } else if (quorum_changed) {
    system::log_info("jobs wait for a quorum no more");
  }
  const bool maintenance_changed = (before.maintenance_since != 0) != (next.maintenance_since != 0);
  if (maintenance_changed) {
    system::log_info("this node {} maintenance by the HA manager of Proxmox VE",
                     next.maintenance_since != 0 ? "is in" : "has left");
  }
  if (quorum_changed || maintenance_changed) {
    changed_();
  }
}

void ClusterWatch::look_in(system::Duration pause) {
  if (next_look_ != 0) {
    loop_.cancel(next_look_);
  }
  next_look_ = loop_.after(pause, [this] {
    next_look_ = 0;
    wake();
  });
}

json::Object ClusterWatch::view() const {
  return json::Object{{"quorate", seen_.quorate ? json::Value(*seen_.quorate) : json::Value()},
                      {"no_quorum_since", or_null(seen_.no_quorum_since)},
                      {"ha_state", or_null(seen_.ha_state)},
                      {"maintenance_since", or_null(seen_.maintenance_since)},
                      {"message", or_null(seen_.blind)}};
}

}  // namespace drover::jobs
