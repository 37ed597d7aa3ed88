#include "runtimes/network/lease_record.h"

#include <utility>

#include "agent/core/ip_address.h"
#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostLease = 4096;

}  // namespace

Result<LeaseRecord> read_lease(const Path& file) {
  const std::string text = TRY(system::read_file(file, kMostLease));
  const json::Value value = TRY(json::parse(text).context("read " + file.native()));
  const auto member = [&](const char* key) { return std::string(value.at(key).string_or("")); };
  LeaseRecord record{file,
                     member("container"),
                     member("job"),
                     member("interface"),
                     {member("zone"), member("vnet"), address_of(member("address")), member("mac")},
                     {member("address"), member("gateway"), member("mac")},
                     value.at("given").boolean_or(false)};
  const bool is_whole = !record.container.empty() && !record.job.empty() &&
                        !record.interface.empty() && !record.address.zone.empty() &&
                        !record.address.mac.empty() && record.address.ip == file.filename() &&
                        record.address.vnet == file.parent_path().filename();
  return is_whole ? Result<LeaseRecord>(std::move(record))
                  : fail(Code::broken, "read {}: it is no lease of that address", file.native());
}

Result<> write_lease(const LeaseRecord& record) {
  TRY(system::make_folders(record.file.parent_path(), 0700));
  return system::write_atomically(record.file,
                                  json::write(json::Object{{"container", record.container},
                                                           {"job", record.job},
                                                           {"interface", record.interface},
                                                           {"zone", record.address.zone},
                                                           {"vnet", record.address.vnet},
                                                           {"address", record.lease.address},
                                                           {"gateway", record.lease.gateway},
                                                           {"mac", record.lease.mac},
                                                           {"given", record.given}}),
                                  0600);
}

std::vector<LeaseRecord> read_leases(const Path& folder, std::vector<FoundLease>* damaged) {
  std::vector<LeaseRecord> all;
  for (const Path& vnet : system::children_of(folder)) {
    for (const Path& file : system::children_of(vnet)) {
      // Of one that is being written there is a file by another name.
      if (!is_address(file.filename())) {
        continue;
      }
      Result<LeaseRecord> record = read_lease(file);
      if (record) {
        all.push_back(std::move(*record));
      } else if (damaged != nullptr && record.error().code != Code::not_found) {
        damaged->push_back({file, "", "", record.error().message});
      }
    }
  }
  return all;
}

}  // namespace drover::runtimes
