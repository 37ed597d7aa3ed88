#include "agent/jobs/queries/usage_query.h"

#include <ctime>
#include <utility>

#include "agent/core/fields.h"
#include "agent/jobs/container_record.h"
#include "agent/jobs/queries/page.h"
#include "runtimes/read_usage.h"

namespace drover::jobs {
namespace {

struct Measured {
  std::string name;
  std::string runtime;
  Status status = Status::unknown;
  runtimes::Container container;
};

/// Of a clock that never jumps, so that two answers give a rate.
std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  constexpr std::uint64_t kNano = 1'000'000'000;
  return static_cast<std::uint64_t>(now.tv_sec) * kNano + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<std::vector<ContainerRow>> rows_for(Journal& journal, const Node& node,
                                           const json::Value& question) {
  Faults faults;
  Fields fields(question, "", faults);
  const std::string name = fields.string("name");
  const std::string after = fields.string("after");
  fields.finish();
  TRY(faults.result("the query is not understood"));
  if (name.empty()) {
    return journal.containers(after);
  }
  const std::optional<ContainerRow> row = TRY(journal.container(name));
  if (!row) {
    return fail(Code::not_found, "node {} has no container {}", node.name, name);
  }
  return std::vector<ContainerRow>{*row};
}

json::Object figures_of(const Node& node, const Measured& measured, const system::Stop& stop) {
  json::Object view{{"name", measured.name},
                    {"runtime", measured.runtime},
                    {"status", to_string(measured.status)},
                    {"at_ns", now_ns()}};
  if (measured.status != Status::running && measured.status != Status::paused) {
    return view;
  }
  const auto usage = [&]() -> Result<runtimes::Usage> {
    runtimes::Runtime* runtime = TRY(node.runtime(measured.container.runtime));
    const system::UniqueFd first = TRY(runtime->first_process(measured.container, stop));
    return runtimes::usage_of(first);
  }();
  if (!usage) {
    view.set("message", usage.error().message);
    return view;
  }
  for (auto& [name, figures] : runtimes::to_json(*usage)) {
    view.set(name, std::move(figures));
  }
  return view;
}

}  // namespace

Result<UsageReading> usage_reading(Journal& journal, const Node& node,
                                   const json::Value& question) {
  const std::vector<ContainerRow> rows = TRY(rows_for(journal, node, question));
  std::vector<Measured> all;
  for (const ContainerRow& row : rows) {
    ContainerRecord record = TRY(container_record_from(row.container));
    all.push_back({row.name, row.runtime, row.status, std::move(record.container)});
  }
  const json::Object about{
      {"node", node.name}, {"epoch", journal.epoch()}, {"seq", journal.head()}};
  return UsageReading(
      [&node, about, all = std::move(all)](const system::Stop& stop) -> Result<json::Value> {
        Page page;
        bool whole = true;
        for (auto one = all.begin(); whole && one != all.end(); ++one) {
          TRY(stop.check("read what containers use"));
          whole = page.add(figures_of(node, *one, stop));
        }
        json::Object answer = about;
        answer.set("whole", whole);
        answer.set("stats", page.take());
        return json::Value(std::move(answer));
      });
}

}  // namespace drover::jobs
