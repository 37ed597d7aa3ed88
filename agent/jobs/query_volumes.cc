#include "agent/jobs/page.h"
#include "agent/jobs/queries.h"
#include "agent/jobs/standing_volumes.h"

namespace drover::jobs {

Result<json::Value> Queries::volumes(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<VolumeRow> rows = TRY(journal_.volumes(after));
  auto users = TRY(volume_users(journal_));
  Page page;
  bool whole = true;
  for (auto row = rows.begin(); whole && row != rows.end(); ++row) {
    const Result<runtimes::Volume> made = made_volume(*row);
    json::Array containers;
    for (const VolumeUser& user : users[row->name]) {
      containers.emplace_back(user.container);
    }
    whole = page.add(json::Object{{"name", row->name},
                                  {"storage", row->storage},
                                  {"size_mib", row->size_mib},
                                  {"id", made ? json::Value(made->id) : json::Value()},
                                  {"origin", row->origin},
                                  {"job", row->job},
                                  {"created_at", row->created_at},
                                  {"busy", row->busy},
                                  {"containers", std::move(containers)}});
  }
  return json::Value(json::Object{{"node", node_.name},
                                  {"epoch", journal_.epoch()},
                                  {"seq", journal_.head()},
                                  {"whole", whole},
                                  {"volumes", page.take()}});
}

}  // namespace drover::jobs
