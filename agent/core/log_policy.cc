#include "agent/core/log_policy.h"

#include <utility>

#include "agent/core/json_members.h"

namespace drover {
namespace {
constexpr std::int64_t kMostSizeMib = std::int64_t{1} << 20;
constexpr const char* kFile = "file";
constexpr std::int64_t kMostFiles = 100;
}  // namespace

LogPolicy read_log_policy(Fields& spec, Faults& faults) {
  LogPolicy policy;
  spec.object("log", [&](const json::Value& value, std::string at) {
    Fields fields(value, std::move(at), faults);
    policy.driver = fields.one_of("driver", kFile, {kFile, "journald"});
    if (policy.driver == kFile) {
      policy.driver.clear();
    }
    policy.max_size_mib =
        static_cast<std::uint64_t>(fields.integer("max_size_mib", 0, 1, kMostSizeMib));
    policy.max_files = static_cast<std::uint64_t>(fields.integer("max_files", 0, 2, kMostFiles));
    if (policy.driver == "journald") {
      for (const std::string_view of_files : {"max_size_mib", "max_files"}) {
        if (fields.has(of_files)) {
          fields.fault(of_files, "goes with driver file only: journald bounds its own files");
        }
      }
    }
    fields.finish();
  });
  return policy;
}

json::Object to_json(const LogPolicy& policy) {
  json::Object object;
  set_unless_empty(object, "driver", policy.driver);
  if (policy.max_size_mib != 0) {
    object.set("max_size_mib", policy.max_size_mib);
  }
  if (policy.max_files != 0) {
    object.set("max_files", policy.max_files);
  }
  return object;
}

}  // namespace drover
