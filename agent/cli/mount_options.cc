#include "agent/cli/mount_options.h"

#include <optional>
#include <string>

#include "agent/cli/spec_options.h"

namespace drover::cli {
namespace {

constexpr std::string_view kType = "type=";
constexpr std::string_view kMountUsage =
    "type=bind,source=PATH,target=PATH[,readonly], type=tmpfs,target=PATH[,size=SIZE][,mode=MODE] "
    "or VOLUME:TARGET[:ro]";

/// The part in front of the first comma, which is taken off with it.
std::string_view take_property(std::string_view& text) {
  const std::size_t comma = text.find(',');
  const std::string_view part = text.substr(0, comma);
  text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  return part;
}

/// One "KEY=VALUE", or "readonly"; false when the kind has no such.
Result<bool> set_property(std::string_view option, std::string_view property, MountSpec& mount) {
  const bool is_bind = mount.kind == MountSpec::Kind::bind;
  const std::size_t equals = property.find('=');
  const std::string_view key = property.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : property.substr(equals + 1);
  if (is_bind && property == "readonly") {
    mount.read_only = true;
  } else if (is_bind && key == "source") {
    mount.source = value;
  } else if (key == "target") {
    mount.target = value;
  } else if (!is_bind && key == "size") {
    mount.size_mib = TRY(read_size(option, value));
  } else if (!is_bind && key == "mode") {
    mount.mode = value;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool names_mount_type(std::string_view text) {
  return text.starts_with(kType);
}

Result<MountSpec> read_typed_mount(std::string_view text) {
  const std::string_view whole = text;
  const std::string_view type = take_property(text).substr(kType.size());
  MountSpec mount;
  mount.kind =
      type == to_string(MountSpec::Kind::tmpfs) ? MountSpec::Kind::tmpfs : MountSpec::Kind::bind;
  bool fits = type == to_string(mount.kind);
  while (fits && !text.empty()) {
    fits = TRY(set_property("--mount", take_property(text), mount));
  }
  const bool has_source = mount.kind == MountSpec::Kind::tmpfs || !mount.source.empty();
  if (!fits || mount.target.empty() || !has_source) {
    return fail(Code::invalid, "--mount: \"{}\" is not {}", whole, kMountUsage);
  }
  return mount;
}

Result<MountSpec> read_tmpfs(std::string_view text) {
  const std::string_view whole = text;
  MountSpec mount;
  mount.kind = MountSpec::Kind::tmpfs;
  mount.target = take_property(text);
  bool fits = mount.target.starts_with('/');
  while (fits && !text.empty()) {
    const std::string_view property = take_property(text);
    fits = !property.starts_with("target=") && TRY(set_property("--tmpfs", property, mount));
  }
  if (!fits) {
    return fail(Code::invalid, "--tmpfs: \"{}\" is not TARGET[,size=SIZE][,mode=MODE]", whole);
  }
  return mount;
}

}  // namespace drover::cli
