#include "runtimes/images/umoci.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/system/child.h"
#include "agent/system/spare_disk.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::minutes kUnpackTimeout{30};
constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kConfigurationType = "application/vnd.oci.image.config.v1+json";

/// Writes a blob among the layout's own; its descriptor.
Result<json::Object> write_blob(const Path& blobs, std::string_view type,
                                const json::Object& blob) {
  const std::string text = json::write(blob);
  const std::string digest = sha256_digest(text);
  TRY(system::write_atomically(blobs / digest.substr(digest.find(':') + 1), text));
  return json::Object{
      {"mediaType", type}, {"digest", digest}, {"size", static_cast<std::uint64_t>(text.size())}};
}

}  // namespace

Result<json::Object> write_manifest(const Path& blobs, const ImageLayer& layer,
                                    std::string_view architecture, const json::Object& config) {
  const json::Object configuration = TRY(write_blob(
      blobs, kConfigurationType,
      {{"architecture", architecture},
       {"os", "linux"},
       {"config", config},
       {"rootfs", json::Object{{"type", "layers"}, {"diff_ids", json::Array{layer.diff_id}}}}}));
  const json::Object described{
      {"mediaType", layer.media_type}, {"digest", layer.digest}, {"size", layer.bytes}};
  return write_blob(blobs, kManifestType,
                    {{"schemaVersion", 2},
                     {"mediaType", kManifestType},
                     {"config", configuration},
                     {"layers", json::Array{described}}});
}

Result<> write_layout(const Path& folder, json::Object manifest) {
  TRY(system::make_folders(folder, 0700));
  manifest.set("annotations", json::Object{{"org.opencontainers.image.ref.name", "image"}});
  TRY(system::write_atomically(
      folder / "index.json",
      json::write(json::Object{{"schemaVersion", 2}, {"manifests", json::Array{manifest}}})));
  return system::write_atomically(folder / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
}

Result<> unpack_by_umoci(const LayoutImage& source, const Path& folder, const std::string& root,
                         const std::function<bool()>& before, const system::Stop& stop) {
  const Path& where = source.opened.empty() ? source.layout : source.opened;
  const system::UniqueFd opened(open(where.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) {
    return fail(Code::broken, "open {}: {}", source.layout.native(), std::strerror(errno));
  }
  system::RunOptions options;
  options.timeout = kUnpackTimeout;
  options.child.descriptors = {{opened.get(), kSourceOfUmoci}};
  options.child.working_folder = folder;
  options.child.before_exec = before;
  const auto unpack = [&](const system::Stop& cut_off) -> Result<> {
    TRY(system::run_ok({"umoci", "raw", "unpack", "--image", "layout:image", root}, cut_off,
                       options));
    return {};
  };
  return system::write_to_spare_disk(folder, stop, unpack);
}

Result<> sync_folder(const Path& folder) {
  const system::UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || syncfs(fd.get()) != 0) {
    return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "sync {}: {}", folder.native(),
                std::strerror(errno));
  }
  return {};
}

}  // namespace drover::runtimes
