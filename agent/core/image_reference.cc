#include "agent/core/image_reference.h"

#include <algorithm>
#include <array>

#include "agent/core/ascii.h"

namespace drover {
namespace {

using Kind = ImageReference::Kind;

struct Form {
  std::string_view prefix;
  Kind kind;
};
constexpr std::array kForms{Form{"oci:", Kind::layout},
                            Form{"docker://", Kind::registry},
                            Form{"oci-archive:", Kind::oci_archive},
                            Form{"docker-archive:", Kind::docker_archive},
                            Form{"template:", Kind::root_archive},
                            Form{"pushed:", Kind::pushed}};
constexpr std::size_t kMostShown = 300;

/// Of Linux, as images call them (Go's GOARCH).
constexpr std::array<std::string_view, 11> kArchitectures{
    "386",    "amd64",   "arm",     "arm64", "loong64", "mips64le",
    "mipsle", "ppc64le", "riscv64", "s390x", "mips64"};

/// Calls `each` for the parts of `text` between the separators; whether it agrees to all.
template <class Each>
bool all_parts(std::string_view text, char separator, const Each& each) {
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (!each(text.substr(0, end))) {
      return false;
    }
    if (end == text.size()) {
      return true;
    }
    text.remove_prefix(end + 1);
  }
}

/// "HOST" or "HOST:PORT".
bool is_host(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view port = text.substr(colon);
  const bool has_port =
      port.empty() || (port.size() > 1 && port.find_first_not_of("0123456789", 1) == port.npos);
  return has_port && all_parts(text.substr(0, colon), '.', [](std::string_view label) {
           return !label.empty() && is_alphanumeric(label.front()) &&
                  is_alphanumeric(label.back()) &&
                  std::all_of(label.begin(), label.end(),
                              [](char c) { return is_alphanumeric(c) || c == '-'; });
         });
}

/// Words of small letters and digits, parted by ".", "_", "__" or any number of "-".
bool is_part_of_repository(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) {
    return false;
  }
  for (std::size_t at = 0; at < text.size();) {
    if (is_lower_or_digit(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (!is_lower_or_digit(text[end])) {
      ++end;
    }
    const std::string_view between = text.substr(at, end - at);
    if (between != "." && between != "_" && between != "__" &&
        between.find_first_not_of('-') != between.npos) {
      return false;
    }
    at = end;
  }
  return true;
}

bool is_tag(std::string_view tag) {
  constexpr std::size_t kMostTag = 128;
  return !tag.empty() && tag.size() <= kMostTag &&
         (is_alphanumeric(tag.front()) || tag.front() == '_') &&
         std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_repository(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos && is_host(name.substr(0, slash))) {
    name.remove_prefix(slash + 1);
  }
  return all_parts(name, '/', is_part_of_repository);
}

Failure wrong(std::string_view text, std::string_view what) {
  return fail(Code::invalid, "image \"{}\" {}", text.substr(0, kMostShown), what);
}

Result<ImageReference> read_registry(std::string_view text, std::string_view rest) {
  std::optional<ImageReference> image = parse_registry_image(rest);
  if (image) {
    return std::move(*image);
  }
  const std::size_t at = rest.find('@');
  if (at != std::string_view::npos && parse_registry_image(rest.substr(0, at))) {
    return wrong(text,
                 "has both a tag and a digest, or a digest that is not sha256: and 64 digits: name "
                 "one of the two");
  }
  return wrong(text,
               "is none of a registry, docker://HOST/REPOSITORY:TAG or "
               "docker://HOST/REPOSITORY@sha256:HEX, its repository in lower case");
}

Result<ImageReference> read_pushed(std::string_view text, std::string_view rest) {
  std::optional<ImageReference> image = parse_registry_image(rest);
  if (!image || !image->digest.empty()) {
    return wrong(text, "is not of the form pushed:REPOSITORY:TAG, the repository in lower case");
  }
  image->kind = Kind::pushed;
  return std::move(*image);
}

Result<ImageReference> read_layout(std::string_view text, std::string_view rest) {
  ImageReference image;
  const std::size_t at = rest.rfind("@sha256:");
  const std::size_t end = at == std::string_view::npos ? rest.rfind(':') : at;
  if (end == std::string_view::npos || end + 1 == rest.size()) {
    return wrong(text, "is not of the form oci:/PATH/OF/LAYOUT:TAG or /PATH/OF/LAYOUT@sha256:HEX");
  }
  image.place = rest.substr(0, end);
  (at == std::string_view::npos ? image.tag : image.digest) = rest.substr(end + 1);
  if (!image.digest.empty() && !is_image_digest(image.digest)) {
    return wrong(text, "has a digest that is not sha256: and 64 digits 0-9a-f");
  }
  return image;
}

/// skopeo takes what stands before the first colon for the path (containers-transports(5)).
Result<ImageReference> read_archive(std::string_view text, std::string_view rest, Kind kind) {
  const std::size_t colon = std::min(rest.find(':'), rest.size());
  ImageReference image{
      .kind = kind, .place = std::string(rest.substr(0, colon)), .tag = {}, .digest = {}};
  if (colon == rest.size()) {
    return image;
  }
  image.tag = rest.substr(colon + 1);
  if (kind == Kind::oci_archive ? image.tag.empty() : !parse_registry_image(image.tag)) {
    return wrong(text, kind == Kind::oci_archive
                           ? "names no tag behind its last colon"
                           : "must name the image in the archive as REPOSITORY:TAG, or none");
  }
  return image;
}

/// "v" and a number of one or two digits.
bool is_variant(std::string_view text) {
  constexpr std::size_t kMost = 3;
  return text.size() > 1 && text.size() <= kMost && text.front() == 'v' &&
         text.find_first_not_of("0123456789", 1) == text.npos;
}

struct Platform {
  std::string_view architecture;
  std::string_view variant;
};

/// Behind the last '#'; none for what is a part of a path or a tag.
std::optional<Platform> platform_in(std::string_view rest) {
  const std::size_t at = rest.rfind('#');
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view text = rest.substr(at + 1);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const Platform platform{text.substr(0, slash), text.substr(std::min(slash + 1, text.size()))};
  const bool is_known = std::find(kArchitectures.begin(), kArchitectures.end(),
                                  platform.architecture) != kArchitectures.end();
  return is_known && (slash == text.size() || is_variant(platform.variant))
             ? std::optional(platform)
             : std::nullopt;
}

Result<ImageReference> read_form(std::string_view text, std::string_view rest, Kind kind,
                                 std::string_view prefix) {
  if (kind == Kind::registry) {
    return read_registry(text, rest);
  }
  if (kind == Kind::pushed) {
    return read_pushed(text, rest);
  }
  if (!rest.starts_with('/')) {
    return wrong(text, fmt::format("must name an absolute path: {}/...", prefix));
  }
  if (std::any_of(rest.begin(), rest.end(), is_control)) {
    return wrong(text, "has control characters");
  }
  if (kind == Kind::root_archive) {
    return ImageReference{.kind = kind, .place = std::string(rest), .tag = {}, .digest = {}};
  }
  return kind == Kind::layout ? read_layout(text, rest) : read_archive(text, rest, kind);
}

}  // namespace

bool is_image_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  return text.starts_with(kPrefix) && text.size() == kPrefix.size() + 64 &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::optional<ImageReference> parse_registry_image(std::string_view text) {
  constexpr std::size_t kMostReference = 512;
  ImageReference image{.kind = Kind::registry, .place = {}, .tag = {}, .digest = {}};
  const std::size_t at = text.find('@');
  const std::size_t end = at == std::string_view::npos ? text.rfind(':') : at;
  if (end == std::string_view::npos || text.size() > kMostReference ||
      !is_repository(text.substr(0, end))) {
    return std::nullopt;
  }
  image.place = text.substr(0, end);
  (at == std::string_view::npos ? image.tag : image.digest) = text.substr(end + 1);
  const bool fits = image.digest.empty() ? is_tag(image.tag) : is_image_digest(image.digest);
  return fits ? std::optional(image) : std::nullopt;
}

Result<ImageReference> parse_image_reference(std::string_view text) {
  const auto* const form = std::find_if(kForms.begin(), kForms.end(), [text](const Form& one) {
    return text.starts_with(one.prefix);
  });
  if (form == kForms.end()) {
    return wrong(text,
                 "is of none of the forms oci:/PATH/OF/LAYOUT:TAG, docker://HOST/REPOSITORY:TAG, "
                 "oci-archive:/FILE, docker-archive:/FILE, template:/FILE and "
                 "pushed:REPOSITORY:TAG");
  }
  std::string_view rest = text.substr(form->prefix.size());
  // What was sent is of the one platform that it was taken for.
  const std::optional<Platform> platform =
      form->kind == Kind::pushed ? std::nullopt : platform_in(rest);
  if (platform) {
    rest = rest.substr(0, rest.rfind('#'));
  }
  ImageReference image = TRY(read_form(text, rest, form->kind, form->prefix));
  if (platform) {
    image.architecture = platform->architecture;
    image.variant = platform->variant;
  }
  return image;
}

}  // namespace drover
