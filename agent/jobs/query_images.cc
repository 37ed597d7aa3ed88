#include "agent/jobs/images.h"
#include "agent/jobs/page.h"
#include "agent/jobs/queries.h"

namespace drover::jobs {

Result<json::Value> Queries::images(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<ImageRow> rows = TRY(journal_.images(after));
  auto users = TRY(image_users(journal_, node_.layout));
  Page page;
  bool whole = true;
  for (auto row = rows.begin(); whole && row != rows.end(); ++row) {
    const std::vector<std::string>& names = users[row->digest];
    whole = page.add(json::Object{{"name", row->name},
                                  {"digest", row->digest},
                                  {"bytes", row->bytes},
                                  {"since", row->since},
                                  {"job", row->job},
                                  {"containers", json::Array(names.begin(), names.end())}});
  }
  return json::Value(json::Object{{"node", node_.name},
                                  {"epoch", journal_.epoch()},
                                  {"seq", journal_.head()},
                                  {"whole", whole},
                                  {"images", page.take()}});
}

}  // namespace drover::jobs
