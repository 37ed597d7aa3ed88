#include "proxmox/template_source.h"

#include <algorithm>
#include <utility>

#include "agent/core/ascii.h"
#include "agent/core/image_reference.h"

namespace drover::proxmox {
namespace {

constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kSecure = "https://";
constexpr std::string_view kInsecure = "http://";
constexpr std::size_t kMostPlace = 2048;

bool is_printable(std::string_view text) {
  return !text.empty() && text.size() <= kMostPlace &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<std::string> read_checksum(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  constexpr std::size_t kDigits = 64;
  if (text.empty()) {
    return std::string();
  }
  const std::string_view digits = text.substr(std::min(kAlgorithm.size(), text.size()));
  if (!text.starts_with(kAlgorithm) || digits.size() != kDigits ||
      digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return fail(Code::invalid, "checksum \"{}\" is not of the form sha256: and 64 digits 0-9a-f",
                text.substr(0, kAlgorithm.size() + kDigits));
  }
  return std::string(digits);
}

Result<> check_url(std::string_view url, bool has_checksum) {
  const bool secure = url.starts_with(kSecure);
  const std::string_view rest = url.substr(secure ? kSecure.size() : kInsecure.size());
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (!is_printable(url) || host.empty()) {
    return fail(Code::invalid, "\"{}\" is no URL of at most {} printable characters",
                url.substr(0, kMostPlace), kMostPlace);
  }
  if (host.find('@') != std::string_view::npos) {
    return fail(Code::refused,
                "a URL with a password would be told in the job, its events and Proxmox's log: "
                "fetch the file to this node, and give its path");
  }
  if (!secure && !has_checksum) {
    return fail(Code::refused,
                "what {} sends may be anybody's on the way: give its checksum, or a URL that "
                "begins with https://",
                url);
  }
  return {};
}

Result<> check_reference(const std::string& reference, const TemplateVolume& volume,
                         bool has_checksum) {
  if (reference.find('@') != std::string::npos) {
    return fail(Code::refused,
                "docker://{}: Proxmox pulls by tag and never by digest: name a tag, or copy the "
                "image to a file (skopeo copy docker://... oci-archive:FILE) and give its path",
                reference);
  }
  if (has_checksum) {
    return fail(Code::refused,
                "docker://{}: the archive that Proxmox makes of it has no checksum that could be "
                "known before; its layers are checked by their own",
                reference);
  }
  if (!parse_registry_image(reference)) {
    return fail(Code::invalid,
                "\"docker://{}\" is no image of a registry, docker://HOST/REPOSITORY:TAG, its "
                "repository in lower case",
                reference.substr(0, kMostPlace));
  }
  if (!volume.is_plain_tar()) {
    return fail(Code::invalid,
                "{}: what comes from a registry is an OCI archive, which ends in .tar",
                volume.id());
  }
  return {};
}

Result<> check_path(const std::string& path) {
  const bool fits = path.size() <= kMostPlace && std::none_of(path.begin(), path.end(), is_control);
  return fits ? Result<>() : fail(Code::invalid, "the path has control characters, or is too long");
}

}  // namespace

Result<TemplateSource> TemplateSource::read(const TemplateVolume& volume, const std::string& from,
                                            std::string_view checksum) {
  std::string sha256 = TRY(read_checksum(checksum));
  TemplateSource source{Kind::file, from, std::move(sha256)};
  const bool has_checksum = !source.sha256.empty();
  if (from.starts_with(kRegistry)) {
    source.kind = Kind::registry;
    source.place = from.substr(kRegistry.size());
    TRY(check_reference(source.place, volume, has_checksum));
  } else if (from.starts_with(kSecure) || from.starts_with(kInsecure)) {
    source.kind = Kind::url;
    TRY(check_url(from, has_checksum));
  } else if (from.starts_with('/')) {
    TRY(check_path(from));
  } else {
    return fail(Code::invalid,
                "{} is fetched from (option from) a URL as https://..., a registry as "
                "docker://HOST/REPOSITORY:TAG, or a file of this node as /PATH, not from \"{}\"",
                volume.id(), from.substr(0, kMostPlace));
  }
  return source;
}

}  // namespace drover::proxmox
