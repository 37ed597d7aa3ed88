#include "agent/jobs/queries/queries.h"
#include "agent/jobs/verbs/standing_volumes.h"

namespace drover::jobs {

Result<json::Value> Queries::volumes(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<VolumeRow> rows = TRY(journal_.volumes(after));
  auto users = TRY(volume_users(journal_));
  return page_of("volumes", rows, [&users](const VolumeRow& row) -> Result<json::Object> {
    const Result<runtimes::Volume> made = made_volume(row);
    json::Array containers;
    for (const VolumeUser& user : users[row.name]) {
      containers.emplace_back(user.container);
    }
    return json::Object{{"name", row.name},
                        {"storage", row.storage},
                        {"size_mib", row.size_mib},
                        {"id", made ? json::Value(made->id) : json::Value()},
                        {"origin", row.origin},
                        {"job", row.job},
                        {"created_at", row.created_at},
                        {"busy", row.busy},
                        {"containers", std::move(containers)}};
  });
}

}  // namespace drover::jobs
