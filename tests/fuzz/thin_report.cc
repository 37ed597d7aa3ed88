// What lvs tells of a group, whose names and tags others choose.
#include "runtimes/volumes/thin_report.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto report = runtimes::parse_thin_report(fuzz::text_of(data, size), "data");
  if (!report) {
    return 0;
  }
  for (const runtimes::ThinRow& row : report->volumes) {
    fuzz::require(row.name == runtimes::thin_name(row.whole), "a volume of ours has its name");
    fuzz::require(report->find(row.whole) != nullptr, "what is told is found");
  }
  if (report->pool) {
    fuzz::require(report->pool->free_bytes() <= report->pool->size,
                  "no more is free than there is");
    fuzz::require(report->pool->data_percent >= 0 && report->pool->data_percent <= 100 &&
                      report->pool->metadata_percent >= 0 && report->pool->metadata_percent <= 100,
                  "nothing is fuller than full");
  }
  return 0;
}
