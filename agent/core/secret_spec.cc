#include "agent/core/secret_spec.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/json_members.h"
#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostSecrets = 64;
constexpr std::size_t kLongestName = 64;
constexpr std::int64_t kMostId = 4'294'967'294;  // -1 is nobody to chown(2)

/// Who may read it; nobody can write to one.
bool is_reading_mode(std::string_view mode) {
  return mode.size() == 3 &&
         std::all_of(mode.begin(), mode.end(), [](char c) { return c == '0' || c == '4'; });
}

SecretSpec read_secret_spec(const json::Value& value, std::string pointer, Faults& faults) {
  Fields fields(value, std::move(pointer), faults);
  SecretSpec secret;
  fields.require("name");
  secret.name = fields.string("name");
  if (fields.has("name") && !is_secret_name(secret.name)) {
    fields.fault("name",
                 "must be 1 to 64 of letters, digits, '-', '_' and '.', the first a letter or "
                 "digit");
  }
  secret.target = fields.has("target") ? read_place(fields, "target") : "";
  secret.uid = static_cast<std::uint32_t>(fields.integer("uid", 0, 0, kMostId));
  secret.gid = static_cast<std::uint32_t>(fields.integer("gid", 0, 0, kMostId));
  secret.mode = fields.string("mode", SecretSpec::kUsualMode);
  if (!is_reading_mode(secret.mode)) {
    fields.fault("mode", "must be 3 octal digits of 4 and 0, as \"444\" or \"400\"");
  }
  fields.finish();
  return secret;
}

}  // namespace

bool is_secret_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::string target_of(const SecretSpec& secret) {
  return secret.target.empty() ? "/run/secrets/" + secret.name : secret.target;
}

std::vector<SecretSpec> read_secrets(Fields& spec, const std::vector<VolumeSpec>& volumes,
                                     const std::vector<MountSpec>& mounts, Faults& faults) {
  std::vector<SecretSpec> secrets;
  spec.each("secrets", kMostSecrets, [&](const json::Value& element, std::string at) {
    secrets.push_back(read_secret_spec(element, std::move(at), faults));
  });
  std::set<std::string> targets;
  for (const VolumeSpec& volume : volumes) {
    targets.insert(volume.target);
  }
  for (const MountSpec& mount : mounts) {
    targets.insert(mount.target);
  }
  for (const SecretSpec& secret : secrets) {
    if (!targets.insert(target_of(secret)).second) {
      spec.fault("secrets",
                 fmt::format("must have different targets, and none of a volume or a mount; \"{}\" "
                             "stands twice",
                             target_of(secret)));
    }
  }
  return secrets;
}

json::Value to_json(const SecretSpec& secret) {
  json::Object object{{"name", secret.name}};
  set_unless_empty(object, "target", secret.target);
  if (secret.uid != 0) {
    object.set("uid", std::uint64_t{secret.uid});
  }
  if (secret.gid != 0) {
    object.set("gid", std::uint64_t{secret.gid});
  }
  if (secret.mode != SecretSpec::kUsualMode) {
    object.set("mode", secret.mode);
  }
  return object;
}

}  // namespace drover
