// The names of things: each kind its own type, so that a job's id cannot be passed for a
// container's.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/result.h"

namespace drover {

/// A checked name. `Kind::check` says which strings are one.
template <class Kind>
class Id {
 public:
  static Result<Id> parse(std::string_view text) {
    if (Result<> checked = Kind::check(text); !checked) {
      return Failure(std::move(checked).error());
    }
    return Id(std::string(text));
  }

  const std::string& str() const { return text_; }
  auto operator<=>(const Id&) const = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct JobIdKind {
  static Result<> check(std::string_view text);
};
struct ContainerNameKind {
  static Result<> check(std::string_view text);
};
struct VolumeNameKind {
  static Result<> check(std::string_view text);
};
struct NodeNameKind {
  static Result<> check(std::string_view text);
};

/// Chosen by the client, 1 to 64 of [A-Za-z0-9._-], the first a letter or digit. Ours are UUIDv7
/// (RFC 9562).
using JobId = Id<JobIdKind>;
/// A DNS label: 1 to 63 of [a-z0-9-], a hyphen neither first nor last, not all digits (LXC hooks of
/// Proxmox fire for names that are all digits).
using ContainerName = Id<ContainerNameKind>;
/// A DNS label; of a volume that outlives containers, or of a snapshot.
using VolumeName = Id<VolumeNameKind>;
/// A DNS label, as Proxmox names its nodes.
using NodeName = Id<NodeNameKind>;

/// The number of a Proxmox guest, 100 to 999999999.
struct Vmid {
  std::uint32_t value = 0;
  auto operator<=>(const Vmid&) const = default;
};

/// A new UUIDv7: `unix_ms` in front, random bits from getrandom(2) behind.
std::string make_uuid7(std::uint64_t unix_ms);
/// The time in front of a UUIDv7, unix ms; none for text that is none.
std::optional<std::int64_t> uuid7_time(std::string_view text);

}  // namespace drover

template <class Kind>
struct std::hash<drover::Id<Kind>> {
  std::size_t operator()(const drover::Id<Kind>& id) const noexcept {
    return std::hash<std::string>()(id.str());
  }
};
