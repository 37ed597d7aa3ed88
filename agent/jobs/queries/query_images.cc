#include "agent/jobs/queries/queries.h"
#include "agent/jobs/verbs/images.h"

namespace drover::jobs {

Result<json::Value> Queries::images(const json::Value& question) {
  const std::string after = TRY(after_which(question));
  const std::vector<ImageRow> rows = TRY(journal_.images(after));
  auto users = TRY(image_users(journal_, node_.layout));
  return page_of("images", rows, [&users](const ImageRow& row) -> Result<json::Object> {
    const std::vector<std::string>& names = users[row.digest];
    return json::Object{
        {"name", row.name},   {"digest", row.digest},
        {"bytes", row.bytes}, {"since", row.since},
        {"job", row.job},     {"containers", json::Array(names.begin(), names.end())}};
  });
}

}  // namespace drover::jobs
