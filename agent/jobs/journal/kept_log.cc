#include "agent/jobs/journal/kept_log.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "agent/jobs/queries/views.h"
#include "agent/system/log.h"
#include "runtimes/log_rotation.h"

namespace drover::jobs {

void keep_log(const Node& node, const ContainerRecord& record) {
  if (node.config.log.keep_deleted_s == 0) {
    return;
  }
  const system::Path from = node.layout.log(record.container.name);
  const system::Path to = node.layout.kept_log(record.container.job);
  Result<> made = system::make_folders(node.layout.kept_logs(), 0700);
  if (made) {
    made = runtimes::join_rotated_log(from, to);
  }
  if (!made) {
    system::log_warning("the log of container {} is not kept as it was: {}",
                        record.container.name.str(), made.error().message);
  }
}

Result<std::optional<DeletedRow>> remember(const Node& node, const ContainerRow& row,
                                           std::int64_t now_unix_ms) {
  if (node.config.log.keep_deleted_s == 0) {
    return std::optional<DeletedRow>();
  }
  json::Object view = TRY(container_view(row, node.layout, true));
  view.set("status", to_string(Status::gone));
  view.set("pid", json::Value());
  view.set("deleted_at", now_unix_ms);
  const JobId job = TRY(JobId::parse(row.job));
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(node.layout.kept_log(job), error);
  return std::optional(DeletedRow{row.job, row.name, json::write(std::move(view)), now_unix_ms,
                                  error ? 0 : static_cast<std::int64_t>(bytes)});
}

Result<std::int64_t> rebuild_kept_logs(Journal& journal, const runtimes::Layout& layout,
                                       std::int64_t now_unix_ms) {
  std::int64_t count = 0;
  std::set<std::string> having;
  const std::vector<ContainerRow> containers = TRY(journal.containers());
  for (const ContainerRow& row : containers) {
    having.insert(row.job);  // it is being deleted
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout.kept_logs(), error), end;
       !error && entry != end; entry.increment(error)) {
    const Result<JobId> job = JobId::parse(entry->path().stem().native());
    struct stat found {};
    if (!job || layout.kept_log(*job) != entry->path() || having.contains(job->str()) ||
        lstat(entry->path().c_str(), &found) != 0) {
      continue;
    }
    // The move that brought it here has changed the file last.
    const std::int64_t at = std::min(now_unix_ms, std::int64_t{found.st_ctim.tv_sec} * 1000 + 1);
    json::Object view{
        {"name", ""}, {"status", to_string(Status::gone)}, {"job", job->str()}, {"deleted_at", at}};
    TRY(journal.put_deleted({job->str(), "", json::write(std::move(view)), at, found.st_size}));
    ++count;
  }
  return count;
}

Result<json::Value> view_of(const DeletedRow& row) {
  return json::parse(row.view).context("the journal's view of deleted container " + row.name);
}

}  // namespace drover::jobs
