#include "runtimes/images/oci_layout.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

/// Manifests and configurations are small; what is larger is no image of anybody's.
constexpr std::size_t kMostBlob = std::size_t{4} << 20;
/// A tag may name an index that names an index; nobody nests deeper.
constexpr int kMostNesting = 4;

constexpr std::string_view kArchitecture =
#if defined(__x86_64__)
    "amd64";
#elif defined(__aarch64__)
    "arm64";
#else
    "unknown";
#endif

bool is_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  return text.starts_with(kPrefix) && text.size() == kPrefix.size() + 64 &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string sha256(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  std::string text = "sha256:";
  for (unsigned int i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", bytes.at(i));
  }
  return text;
}

Result<std::string> read_in_layout(const ImageReference& image, const Path& relative) {
  const Path& layout = image.layout;
  // The layout may be anybody's: a link in it must not lead out of it.
  const system::UniqueFd file = TRY(system::open_in_root(
      image.opened.empty() ? layout : image.opened, relative, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0) {
      return fail(Code::broken, "read {}: {}", (layout / relative).native(), std::strerror(errno));
    }
    if (size == 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > kMostBlob) {
      return fail(Code::invalid, "{} is larger than {} bytes", (layout / relative).native(),
                  kMostBlob);
    }
  }
}

Result<json::Value> read_blob(const ImageReference& image, std::string_view digest) {
  const Path& layout = image.layout;
  if (!is_digest(digest)) {
    return fail(Code::invalid, "image layout {} names a blob \"{}\", which is no sha256 digest",
                layout.native(), digest.substr(0, 100));
  }
  const std::string text =
      TRY(read_in_layout(image, Path("blobs/sha256") / digest.substr(digest.find(':') + 1)));
  if (const std::string found = sha256(text); found != digest) {
    return fail(Code::invalid, "blob {} of image layout {} has digest {}: the layout is damaged",
                digest, layout.native(), found);
  }
  return json::parse(text).context(fmt::format("read blob {} of {}", digest, layout.native()));
}

const json::Value* manifest_tagged(const json::Value& index, std::string_view tag) {
  if (const json::Array* manifests = index.at("manifests").array()) {
    for (const json::Value& manifest : *manifests) {
      if (manifest.at("annotations").at("org.opencontainers.image.ref.name").string_or("") == tag) {
        return &manifest;
      }
    }
  }
  return nullptr;
}

const json::Value* manifest_for_this_machine(const json::Value& index) {
  if (const json::Array* manifests = index.at("manifests").array()) {
    for (const json::Value& manifest : *manifests) {
      const json::Value& platform = manifest.at("platform");
      if (platform.at("architecture").string_or("") == kArchitecture &&
          platform.at("os").string_or("linux") == "linux") {
        return &manifest;
      }
    }
  }
  return nullptr;
}

std::vector<std::string> strings_of(const json::Value& value) {
  std::vector<std::string> strings;
  if (const json::Array* array = value.array()) {
    for (const json::Value& element : *array) {
      strings.emplace_back(element.string_or(""));
    }
  }
  return strings;
}

}  // namespace

Result<ImageReference> parse_image_reference(std::string_view text) {
  constexpr std::string_view kPrefix = "oci:";
  const std::size_t tag = text.rfind(':');
  if (!text.starts_with(kPrefix) || tag <= kPrefix.size() || tag + 1 == text.size() ||
      text.at(kPrefix.size()) != '/') {
    return fail(Code::invalid,
                "image \"{}\" is not of the form oci:/PATH/OF/LAYOUT:TAG; make a layout of another "
                "image with: skopeo copy IMAGE oci:/PATH/OF/LAYOUT:TAG",
                text.substr(0, 300));
  }
  return ImageReference{Path(text.substr(kPrefix.size(), tag - kPrefix.size())),
                        std::string(text.substr(tag + 1))};
}

ImageConfig read_image_config(const json::Value& configuration) {
  const json::Value& config = configuration.at("config");
  return {strings_of(config.at("Entrypoint")),
          strings_of(config.at("Cmd")),
          strings_of(config.at("Env")),
          std::string(config.at("WorkingDir").string_or("")),
          std::string(config.at("User").string_or("")),
          std::string(config.at("StopSignal").string_or(""))};
}

Result<ImageManifest> read_image(const ImageReference& reference) {
  const std::string text = TRY(read_in_layout(reference, "index.json")
                                   .context("read image layout " + reference.layout.native()));
  json::Value document = TRY(
      json::parse(text).context("read index.json of image layout " + reference.layout.native()));
  const json::Value* entry = manifest_tagged(document, reference.tag);
  if (entry == nullptr) {
    return fail(Code::not_found, "image layout {} has no image tagged {}",
                reference.layout.native(), reference.tag);
  }
  std::string digest(entry->at("digest").string_or(""));
  for (int depth = 0; depth < kMostNesting; ++depth) {
    document = TRY(read_blob(reference, digest));
    if (document.find("config") != nullptr) {
      const json::Value configuration =
          TRY(read_blob(reference, document.at("config").at("digest").string_or("")));
      return ImageManifest{digest, read_image_config(configuration)};
    }
    entry = manifest_for_this_machine(document);
    if (entry == nullptr) {
      return fail(Code::not_found, "image {} of layout {} has nothing for architecture {}",
                  reference.tag, reference.layout.native(), kArchitecture);
    }
    digest = entry->at("digest").string_or("");
  }
  return fail(Code::invalid, "image {} of layout {} is an index of indexes, nested too deep",
              reference.tag, reference.layout.native());
}

}  // namespace drover::runtimes
