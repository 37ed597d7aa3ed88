// Queries: what the journal and the configuration answer at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/jobs/journal/disk_watch.h"
#include "agent/jobs/journal/journal.h"
#include "agent/jobs/keep/prober.h"
#include "agent/jobs/node.h"
#include "agent/jobs/queries/page.h"
#include "agent/jobs/queries/spec_query.h"
#include "agent/jobs/queries/usage_query.h"
#include "agent/jobs/reconcile/cluster_watch.h"
#include "agent/jobs/supervisor.h"

namespace drover::jobs {

/// Belongs to the loop's thread.
class Queries {
 public:
  /// `prober`: nullptr where nothing is probed. `cluster`: nullptr on a node without Proxmox.
  Queries(Journal& journal, const Supervisor& supervisor, const Node& node, const DiskWatch& disk,
          const Prober* prober = nullptr, const ClusterWatch* cluster = nullptr)
      : journal_(journal),
        supervisor_(supervisor),
        node_(node),
        disk_(disk),
        prober_(prober),
        cluster_(cluster) {}

  /// The body of the answer to a "query." kind, whose own body is `question`.
  Result<json::Value> answer(std::string_view kind, const json::Value& question);
  /// Of "query.stats" and of a "query.explain" with a spec: what finds the answer, on another
  /// thread.
  Result<UsageReading> usage(const json::Value& question) const;
  Result<SpecReading> explain_spec(const json::Value& question) const;

 private:
  /// The member "after" of a question for a list: the name, of leaks the id, behind which it goes
  /// on.
  static Result<std::string> after_which(const json::Value& question);
  /// The answer to it: the views of the first rows, as many as fit. `view` makes a
  /// Result<json::Object> of a row.
  template <class Row, class View>
  Result<json::Value> page_of(std::string_view things, const std::vector<Row>& rows,
                              const View& view);
  Result<json::Value> containers(const json::Value& question);
  Result<json::Value> container(const json::Value& question);
  Result<json::Value> images(const json::Value& question);
  Result<json::Value> volumes(const json::Value& question);
  Result<json::Value> networks(const json::Value& question);
  Result<json::Value> links(const json::Value& question);
  Result<json::Value> storages(const json::Value& question);
  Result<json::Value> jobs(const json::Value& question);
  Result<json::Value> job(const json::Value& question);
  Result<json::Value> events(const json::Value& question);
  Result<json::Value> explain(const json::Value& question);
  Result<json::Value> leaks(const json::Value& question);
  Result<json::Value> node();

  Journal& journal_;
  const Supervisor& supervisor_;
  const Node& node_;
  const DiskWatch& disk_;
  const Prober* prober_;
  const ClusterWatch* cluster_;
};

template <class Row, class View>
Result<json::Value> Queries::page_of(std::string_view things, const std::vector<Row>& rows,
                                     const View& view) {
  Page page;
  bool whole = true;
  for (auto row = rows.begin(); whole && row != rows.end(); ++row) {
    json::Object element = TRY(view(*row));
    whole = page.add(std::move(element));
  }
  return json::Value(json::Object{{"node", node_.name},
                                  {"epoch", journal_.epoch()},
                                  {"seq", journal_.head()},
                                  {"whole", whole},
                                  {std::string(things), page.take()}});
}

}  // namespace drover::jobs
