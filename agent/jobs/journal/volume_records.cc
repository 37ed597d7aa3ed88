#include "agent/jobs/journal/volume_records.h"

#include <filesystem>

#include "agent/core/fields.h"
#include "agent/core/ids.h"
#include "agent/system/log.h"
#include "runtimes/volumes/volume.h"

namespace drover::jobs {
namespace {

constexpr const char* kEndOfRecord = ".json";
constexpr std::size_t kMostRecord = 65536;

system::Path record_of(const runtimes::Layout& layout, const std::string& name) {
  return layout.volume_records() / (name + kEndOfRecord);
}

Result<VolumeRow> read_volume_record(const system::Path& file) {
  const std::string text = TRY(system::read_file(file, kMostRecord));
  const json::Value value = TRY(json::parse(text));
  Faults faults;
  Fields fields(value, "", faults);
  VolumeRow row;
  row.name = fields.string("name");
  row.storage = fields.string("storage");
  row.size_mib = static_cast<std::uint64_t>(fields.integer("size_mib", 0, 0, kMostVolumeMib));
  row.origin = fields.string("origin");
  row.job = fields.string("job");
  row.created_at = fields.integer("created_at", 0, 0, INT64_MAX);
  fields.any("volume");
  fields.finish();
  TRY(faults.result("it is no record of a volume"));
  TRY(VolumeName::parse(row.name));
  TRY(JobId::parse(row.job));
  TRY(runtimes::volume_from_json(value.at("volume")));
  row.volume = json::write(value.at("volume"));
  return row;
}

}  // namespace

Result<> keep_volume_record(const runtimes::Layout& layout, const VolumeRow& row) {
  json::Value volume = TRY(json::parse(row.volume));
  const json::Object record{
      {"name", row.name},           {"storage", row.storage}, {"size_mib", row.size_mib},
      {"origin", row.origin},       {"job", row.job},         {"created_at", row.created_at},
      {"volume", std::move(volume)}};
  TRY(system::make_folders(layout.volume_records(), 0700));
  return system::write_atomically(record_of(layout, row.name), json::write_pretty(record), 0600);
}

Result<> drop_volume_record(const runtimes::Layout& layout, const std::string& name) {
  return system::remove_tree(record_of(layout, name));
}

Result<std::int64_t> rebuild_volumes(Journal& journal, const runtimes::Layout& layout) {
  std::int64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(layout.volume_records(), error), end;
       !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != kEndOfRecord) {
      continue;
    }
    const Result<VolumeRow> row = read_volume_record(entry->path());
    if (!row) {
      system::log_error("rebuild the journal: {}: {}", entry->path().native(), row.error().message);
    } else if (!TRY(journal.volume(row->name))) {
      TRY(journal.put_volume(*row));
      ++count;
    }
  }
  return count;
}

}  // namespace drover::jobs
