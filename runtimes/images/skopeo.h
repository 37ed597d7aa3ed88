// Skopeo: fetches images of registries and archives into OCI image layouts (skopeo-copy(1)).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "agent/core/image_reference.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"

namespace drover::runtimes {

struct SkopeoOptions {
  /// Logins of registries (containers-auth.json(5)), that only root may read; "" for none: what
  /// is fetched is anybody's then.
  system::Path auth_file{};
  system::Path policy_file = "/etc/containers/policy.json";  ///< containers-policy.json(5)
  /// A folder for each registry, HOST[:PORT], with *.crt of its authority and perhaps *.cert and
  /// *.key of ours; "" for skopeo's own places (containers-certs.d(5)).
  system::Path certificate_folder{};
  std::chrono::milliseconds timeout{std::chrono::hours(1)};
};

/// Has skopeo copy the image into the layout `folder`/layout, where its tag is "image"; blobs that
/// the layout has already are not fetched again. `folder` is there, and holds what skopeo needs
/// besides. `file` is the archive, held open, of one that is none of a registry. `line` is called
/// with what it says of how far it is. Errors tell what can be done: `refused` for what the policy,
/// the registry or a certificate does not allow, `not_found`, `unavailable` for what may go later.
Result<> fetch_by_skopeo(const ImageReference& image, const system::UniqueFd& file,
                         const system::Path& folder, const SkopeoOptions& options,
                         const system::Stop& stop,
                         const std::function<void(std::string_view)>& line);

/// The file of logins, open for reading; `refused` for one that others than root may read.
Result<system::UniqueFd> open_auth_file(const system::Path& file);
/// `refused` when there is none.
Result<> check_policy_file(const system::Path& file);

/// The error that a last line of skopeo's stands for.
Error skopeo_error(std::string_view last_line, const ImageReference& image,
                   const SkopeoOptions& options);

}  // namespace drover::runtimes
