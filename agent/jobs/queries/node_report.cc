#include "agent/jobs/queries/node_report.h"

#include <cmath>
#include <set>
#include <utility>

#include "agent/jobs/drain.h"
#include "agent/jobs/queries/capacity.h"
#include "agent/jobs/reconcile/link_watch.h"
#include "agent/jobs/reconcile/storage_watch.h"
#include "agent/system/disk_space.h"
#include "proxmox/storage_types.h"

namespace drover::jobs {
namespace {

constexpr std::uint64_t kReportMib = std::uint64_t{1} << 20;

dispatch::Capacity capacity_of(const json::Value& amounts) {
  dispatch::Capacity capacity;
  capacity.milli_cpus = std::llround(amounts.at("cpus").number() * 1000);
  capacity.memory_mib = amounts.at("memory_mib").integer_or(0);
  return capacity;
}

dispatch::Labels labels_of(const json::Value& record) {
  dispatch::Labels labels;
  if (const json::Object* found = record.at("spec").at("labels").object()) {
    for (const auto& [name, value] : *found) {
      labels.emplace(name, value.string_or(""));
    }
  }
  return labels;
}

bool holds_bridge(const proxmox::NodeLink& link) {
  return link.active && (link.type == "bridge" || link.type == "OVSBridge" || link.type == "vnet");
}

}  // namespace

Result<dispatch::Hello> NodeReport::hello() {
  dispatch::Hello hello;
  hello.facts = TRY(outline());
  hello.facts.reserved = TRY(reserved());
  hello.facts.drained = TRY(drained(journal_)).has_value();
  hello.facts.quorate = quorate();
  hello.sender.node = node_.name;
  hello.sender.epoch = journal_.epoch();
  hello.seq = journal_.head();
  const std::vector<ContainerRow> rows = TRY(journal_.containers());
  for (const ContainerRow& row : rows) {
    const json::Value record = TRY(json::parse(row.container));
    hello.facts.containers.push_back(
        {row.name, labels_of(record), std::string(to_string(row.status))});
  }
  const std::vector<JobRow> jobs = TRY(journal_.unfinished());
  for (const JobRow& job : jobs) {
    // Of more the newest are told of by their events.
    if (hello.jobs.size() < dispatch::kMostJobsOfHello) {
      hello.jobs.push_back({job.id, std::string(to_string(job.state))});
    }
  }
  return hello;
}

Result<dispatch::Heartbeat> NodeReport::heartbeat() {
  dispatch::Heartbeat heartbeat;
  heartbeat.sender.node = node_.name;
  heartbeat.sender.epoch = journal_.epoch();
  heartbeat.seq = journal_.head();
  heartbeat.reserved = TRY(reserved());
  heartbeat.drained = TRY(drained(journal_)).has_value();
  heartbeat.quorate = quorate();
  return heartbeat;
}

Result<dispatch::NodeFacts> NodeReport::outline() {
  dispatch::NodeFacts facts;
  facts.name = node_.name;
  facts.labels = node_.config.labels;
  const json::Value capacity = TRY(capacity_view({}, 0));
  facts.total = capacity_of(capacity.at("total"));
  if (const auto disk = system::disk_space(node_.layout.local_volumes())) {
    facts.total.disk_mib = static_cast<std::int64_t>(disk->total / kReportMib);
  }
  for (const auto& [kind, runtime] : node_.runtimes) {
    facts.runtimes.emplace_back(to_string(kind));
  }
  facts.storages = storages();
  facts.bridges = TRY(bridges());
  return facts;
}

Result<dispatch::Capacity> NodeReport::reserved() {
  if (counted_at_ != journal_.head()) {
    const std::vector<ContainerRow> rows = TRY(journal_.containers());
    const json::Value capacity = TRY(capacity_view(rows, node_.config.container.memory_mib));
    counted_ = capacity_of(capacity.at("reserved"));
    counted_at_ = journal_.head();
  }
  dispatch::Capacity all = counted_;
  if (const auto disk = system::disk_space(node_.layout.local_volumes())) {
    all.disk_mib = static_cast<std::int64_t>((disk->total - disk->free) / kReportMib);
  }
  return all;
}

std::optional<bool> NodeReport::quorate() const {
  if (cluster_ == nullptr) {
    return std::nullopt;
  }
  const json::Value view(cluster_->view());
  const json::Value& quorate = view.at("quorate");
  return quorate.is_null() ? std::nullopt : std::optional(quorate.boolean_or(false));
}

std::vector<std::string> NodeReport::storages() const {
  std::set<std::string> names{"local-folder", "local-image"};
  for (const auto& [storage, source] : node_.other_volumes) {
    if (source->usable()) {
      names.insert(storage);
    }
  }
  if (node_.storages != nullptr) {
    const StorageWatch::Seen seen = node_.storages->seen();
    for (const proxmox::StorageInfo& storage : seen.storages) {
      if (storage.active && proxmox::type_for_volumes(storage)) {
        names.insert(storage.id);
      }
    }
  }
  return {names.begin(), names.end()};
}

Result<std::vector<std::string>> NodeReport::bridges() {
  std::set<std::string> names;
  const std::vector<NetworkRow> networks = TRY(journal_.networks(""));
  for (const NetworkRow& network : networks) {
    names.insert(network.name);
  }
  if (node_.links != nullptr) {
    const LinkWatch::Seen seen = node_.links->seen();
    for (const proxmox::NodeLink& link : seen.links) {
      if (holds_bridge(link)) {
        names.insert(link.name);
      }
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace drover::jobs
