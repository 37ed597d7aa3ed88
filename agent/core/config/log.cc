#include "agent/core/config/log.h"

#include <utility>

namespace drover {

LogConfig read_log_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  LogConfig log;
  log.keep_deleted_s = fields.integer("keep_deleted_s", log.keep_deleted_s, 0, 31'536'000);
  log.keep_deleted = fields.integer("keep_deleted", log.keep_deleted, 1, 100'000);
  log.keep_deleted_mib = fields.integer("keep_deleted_mib", log.keep_deleted_mib, 1, 1'048'576);
  log.guest_mib = fields.integer("guest_mib", log.guest_mib, 2, 1'048'576);
  log.max_size_mib = fields.integer("max_size_mib", log.max_size_mib, 1, 1'048'576);
  log.max_files = fields.integer("max_files", log.max_files, 2, 100);
  fields.finish();
  return log;
}

}  // namespace drover
