#include "agent/jobs/reconcile/rebuild.h"

#include <charconv>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "agent/jobs/container_record.h"
#include "agent/jobs/drain.h"
#include "agent/jobs/journal/kept_log.h"
#include "agent/jobs/journal/node_record.h"
#include "agent/jobs/journal/sealed_record.h"
#include "agent/jobs/journal/volume_records.h"
#include "agent/jobs/reconcile/reboot.h"
#include "agent/jobs/reconcile/unrecorded.h"
#include "agent/jobs/verbs/own_networks.h"
#include "agent/system/log.h"
#include "runtimes/exit_file.h"
#include "runtimes/network/bridges.h"

namespace drover::jobs {
namespace {

constexpr const char* kMemoryBegins = "memory_begins";
constexpr std::size_t kMostBootId = 128;

/// A container's name and the job that made it: several guests may have one name.
using Made = std::pair<std::string, std::string>;

struct Having {
  RuntimeKind runtime;
  runtimes::State state;
};

class Rebuilding {
 public:
  Rebuilding(Books& books, const Node& node, system::Clock& clock, const system::Stop& stop)
      : books_(books), node_(node), clock_(clock), stop_(stop) {}

  Result<> run(const LostJournal& lost) {
    if (const auto before = system::read_file(node_.layout.boot_of_records(), kMostBootId)) {
      boot_before_ = *before;
    }
    rebooted_ = !boot_before_.empty() && boot_before_ != lost.boot_id;
    TRY(ask_runtimes());
    TRY(read_records());
    const std::int64_t volumes = TRY(rebuild_volumes(books_.journal(), node_.layout));
    for (const auto& [made, had] : having_) {
      if (!found_.contains(made.first)) {
        TRY(add_without_record(made, had));
      }
    }
    TRY(read_node_record());
    TRY(add_bridges());
    const std::int64_t logs =
        TRY(rebuild_kept_logs(books_.journal(), node_.layout, clock_.unix_ms()));
    if (lost.why.empty() && found_.empty() && unreadable_.empty() && volumes + logs == 0 &&
        networks_.empty() && !drained_) {
      return {};  // a node that is new
    }
    return tell(lost);
  }

 private:
  /// A runtime that does not answer keeps its containers: what is known of them stands in
  /// their records.
  Result<> ask_runtimes() {
    for (const auto& [kind, runtime] : node_.runtimes) {
      const Result<std::vector<runtimes::Found>> all = runtime->inventory(stop_);
      if (!all) {
        system::log_warning("rebuild the journal: ask {} for its containers: {}", to_string(kind),
                            all.error().message);
        silent_.insert(kind);
        continue;
      }
      for (const runtimes::Found& one : *all) {
        if (!one.job.empty() && ContainerName::parse(one.name)) {
          having_.insert_or_assign({one.name, one.job}, Having{kind, one.state});
        }
      }
    }
    return stop_.check("rebuild the journal");
  }

  static Result<NodeRecord> load_node_record(const system::Path& path) {
    const std::string text = TRY(system::read_file(path));
    return unseal_node_record(text);
  }

  Result<> read_node_record() {
    const system::Path path = node_.layout.node_record();
    Result<NodeRecord> record = load_node_record(path);
    if (!record && record.error().code == Code::not_found) {
      return {};  // of a version without it, or of a node that is new
    }
    if (!record) {
      put_away(path, record.error());
      // Whoever has drained it may be at its cables.
      record = NodeRecord{Drained{clock_.unix_ms(), ""}, {}};
    }
    if (record->drained) {
      drained_ = true;
      TRY(set_drained(books_.journal(), *record->drained));
    }
    for (const NetworkRow& row : record->networks) {
      TRY(add_network(row));
    }
    return {};
  }

  /// Those that the record does not know.
  Result<> add_bridges() {
    TRY(add_found(runtimes::own_bridges(stop_), [](const runtimes::OwnBridge& bridge) {
      return NetworkRow{
          .name = bridge.name, .address = bridge.address, .vlan_aware = bridge.vlan_aware};
    }));
    if (node_.vnets != nullptr) {
      // Whoever waits for the lock that an earlier agent had needs not wait for the next network.
      if (const Result<> freed = node_.vnets->free_lock(stop_); !freed) {
        system::log_warning("rebuild the journal: {}", freed.error().message);
      }
      TRY(add_found(node_.vnets->own(stop_),
                    [](const proxmox::Vnets::Known& known) { return row_of(known); }));
    }
    if (node_.network_configuration == nullptr) {
      return {};
    }
    return add_found(node_.network_configuration->own_bridges(stop_),
                     [](const proxmox::BridgeRequest& bridge) {
                       return NetworkRow{.name = bridge.name,
                                         .address = bridge.cidr,
                                         .vlan_aware = bridge.vlan_aware,
                                         .by_proxmox = true};
                     });
  }

  template <class Bridge, class RowOf>
  Result<> add_found(const Result<std::vector<Bridge>>& bridges, const RowOf& row_of) {
    if (!bridges) {
      system::log_warning("rebuild the journal: look for bridges: {}", bridges.error().message);
      return stop_.check("rebuild the journal");
    }
    for (const Bridge& bridge : *bridges) {
      NetworkRow row = row_of(bridge);
      row.created_at = clock_.unix_ms();
      if (!TRY(books_.journal().network(row.name))) {
        TRY(add_network(row));
      }
    }
    return {};
  }

  Result<> add_network(const NetworkRow& row) {
    networks_.push_back(row.name);
    return books_.journal().put_network(row);
  }

  struct Read {
    SealedRecord sealed;
    ContainerRecord container;
  };

  Result<> read_records() {
    for (const system::Path& path : system::children_of(node_.layout.records())) {
      if (path.extension() != ".json") {
        continue;
      }
      Result<Read> record = read_record(path);
      if (record) {
        TRY(add(std::move(*record)));
      } else {
        put_away(path, record.error());
      }
    }
    return {};
  }

  static Result<Read> read_record(const system::Path& path) {
    const std::string text = TRY(system::read_file(path));
    SealedRecord sealed = TRY(unseal(text));
    ContainerRecord container = TRY(container_record_from(sealed.container.container));
    return Read{std::move(sealed), std::move(container)};
  }

  /// Under its name the next record would overwrite it.
  void put_away(const system::Path& path, const Error& why) {
    system::Path away = path;
    away += ".damaged";
    std::error_code error;
    std::filesystem::rename(path, away, error);
    unreadable_.push_back(error ? path.native() : away.native());
    system::log_error("rebuild the journal: {}: {}", unreadable_.back(), why.message);
  }

  Result<> add(Read record) {
    ContainerRow& row = record.sealed.container;
    const ContainerRecord& parsed = record.container;
    const ContainerName& name = parsed.container.name;
    const auto had = having_.find({row.name, row.job});
    const bool same = had != having_.end();
    const RuntimeKind kind = parsed.container.runtime;
    const bool asked = node_.runtimes.contains(kind) && !silent_.contains(kind);
    if (asked && !same && !is_there(node_.layout.container(name))) {
      return {};  // deleted; only its record was still there
    }
    if (same) {
      row.status = had->second.state.status;
      row.exit = had->second.state.exit;
    } else {
      row.status = asked ? Status::stopped : Status::unknown;
      row.exit = runtimes::read_exit_file(node_.layout.exit_file(name));
    }
    const bool ended_by_reboot = rebooted_ && asked && row.status == Status::stopped &&
                                 row.wanted == Wanted::running && !provisions_itself(kind);
    if (ended_by_reboot) {
      row.status = Status::running;
      row.exit.reset();
    }
    return write(std::move(record.sealed), !ended_by_reboot);
  }

  Result<> add_without_record(const Made& made, const Having& had) {
    const ContainerName name = TRY(ContainerName::parse(made.first));
    const Result<JobId> job = JobId::parse(made.second);
    if (!job) {
      return {};  // no stamp of ours
    }
    SealedRecord record =
        TRY(unrecorded(books_.journal(), node_, name, *job, had.runtime, clock_.unix_ms()));
    record.container.status = had.state.status;
    record.container.exit = had.state.exit;
    without_record_.push_back(name.str());
    return write(std::move(record), true);
  }

  Result<> write(SealedRecord record, bool told) {
    ContainerRow& row = record.container;
    if (row.status == Status::stopped && !row.exit) {
      row.exit = Exit{};
    }
    Journal& journal = books_.journal();
    TRY(put_maker(journal, record));
    TRY(journal.put_container(row));
    found_.insert(row.name);
    if (!told) {
      return {};
    }
    json::Object data{{"runtime", row.runtime}};
    if (row.exit) {
      data.set("exit", to_json(*row.exit));
    }
    TRY(books_.tell(Event{.kind = "container",
                          .object = row.name,
                          .what = std::string(to_string(row.status)),
                          .data = std::move(data)}));
    return {};
  }

  Result<> tell(const LostJournal& lost) {
    Journal& journal = books_.journal();
    TRY(journal.set_fact(kMemoryBegins, std::to_string(clock_.unix_ms())));
    TRY(Reboot::remember(journal, boot_before_));
    system::log_error("the journal was lost ({}); {} containers of this node are in the new one",
                      lost.why.empty() ? "its file is gone" : lost.why, found_.size());
    return books_.tell(Event{
        .kind = "node",
        .object = node_.name,
        .what = "journal_rebuilt",
        .data = {{"file", lost.file.native()},
                 {"message", lost.why.empty() ? "its file is gone" : lost.why},
                 {"containers", static_cast<std::int64_t>(found_.size())},
                 {"networks", json::Array(networks_.begin(), networks_.end())},
                 {"drained", drained_},
                 {"without_record", json::Array(without_record_.begin(), without_record_.end())},
                 {"unreadable", json::Array(unreadable_.begin(), unreadable_.end())}}});
  }

  bool provisions_itself(RuntimeKind kind) const {
    return node_.runtimes.at(kind)->capabilities().provisions_itself;
  }
  static bool is_there(const system::Path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
  }

  Books& books_;
  const Node& node_;
  system::Clock& clock_;
  const system::Stop& stop_;
  std::map<Made, Having> having_;
  std::set<RuntimeKind> silent_;
  std::string boot_before_;  // "" when nobody knows
  bool rebooted_ = false;
  std::set<std::string> found_;
  std::vector<std::string> without_record_;
  std::vector<std::string> unreadable_;
  std::vector<std::string> networks_;  // names
  bool drained_ = false;
};

}  // namespace

Result<> rebuild_containers(Books& books, const Node& node, system::Clock& clock,
                            const LostJournal& lost, const system::Stop& stop) {
  if (books.journal().head() != 0) {
    return {};
  }
  return Rebuilding(books, node, clock, stop).run(lost);
}

Result<std::int64_t> memory_begins(Journal& journal) {
  const std::string fact = TRY(journal.fact(kMemoryBegins));
  std::int64_t at = 0;
  std::from_chars(fact.data(), fact.data() + fact.size(), at);
  return at;
}

}  // namespace drover::jobs
