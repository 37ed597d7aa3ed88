#include "agent/jobs/kept_log.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "agent/jobs/views.h"
#include "agent/system/log.h"

namespace drover::jobs {

void keep_log(const Node& node, const ContainerRecord& record) {
  if (node.config.log.keep_deleted_s == 0) {
    return;
  }
  const system::Path from = node.layout.log(record.container.name);
  const system::Path to = node.layout.kept_log(record.container.job);
  Result<> made = system::make_folders(node.layout.kept_logs(), 0700);
  if (made && std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
    made =
        fail(Code::broken, "rename {} to {}: {}", from.native(), to.native(), std::strerror(errno));
  }
  if (!made) {
    system::log_warning("the log of container {} is not kept: {}", record.container.name.str(),
                        made.error().message);
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

Result<json::Value> view_of(const DeletedRow& row) {
  return json::parse(row.view).context("the journal's view of deleted container " + row.name);
}

}  // namespace drover::jobs
