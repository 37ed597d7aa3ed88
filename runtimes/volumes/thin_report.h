// ThinReport: what lvs(8) tells of a group of LVM that has a thin pool.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// A logical volume of ours.
struct ThinRow {
  std::string name;   ///< thin_name(whole)
  system::Path path;  ///< of its device, which is there while it is active
  std::uint64_t size_mib = 0;
  std::string whole;  ///< "CONTAINER.VOLUME.JOB" (LocalVolumeName), as its tag says
  bool operator==(const ThinRow&) const = default;
};

struct ThinPoolRow {
  std::uint64_t size = 0;       ///< bytes
  double data_percent = 0;      ///< that are taken; 0, too, while it is not active
  double metadata_percent = 0;  ///< the same
  bool is_full() const;         ///< nothing more shall be made in it
  std::uint64_t free_bytes() const;
  bool operator==(const ThinPoolRow&) const = default;
};

struct ThinReport {
  std::vector<ThinRow> volumes;  ///< what has no tag of ours, or not the name for it, is left out
  std::optional<ThinPoolRow> pool;  ///< none where the group has no thin pool of this name

  const ThinRow* find(std::string_view whole) const;
};

/// What a volume is called in its group: "drover-" and a hash. LVM takes 127 characters at most,
/// and below /dev/mapper every hyphen counts twice.
std::string thin_name(std::string_view whole);
/// The tag (lvm(8)) by which a volume is known for ours.
std::string thin_tag(std::string_view whole);

/// What prints what `parse_thin_report` reads.
std::vector<std::string> listing_group(const std::string& group);
/// `broken` for what is no such report.
Result<ThinReport> parse_thin_report(std::string_view text, std::string_view pool);

}  // namespace drover::runtimes
