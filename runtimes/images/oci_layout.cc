#include "runtimes/images/oci_layout.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/core/image_reference.h"
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

Result<std::string> read_in_layout(const LayoutImage& image, const Path& relative) {
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

Result<std::string> read_blob(const LayoutImage& image, std::string_view digest) {
  const Path& layout = image.layout;
  if (!is_image_digest(digest)) {
    return fail(Code::invalid, "image layout {} names a blob \"{}\", which is no sha256 digest",
                layout.native(), digest.substr(0, 100));
  }
  std::string text =
      TRY(read_in_layout(image, Path("blobs/sha256") / digest.substr(digest.find(':') + 1)));
  if (const std::string found = sha256_digest(text); found != digest) {
    return fail(Code::invalid, "blob {} of image layout {} has digest {}: the layout is damaged",
                digest, layout.native(), found);
  }
  return text;
}

Result<json::Value> parse_blob(const LayoutImage& image, std::string_view digest,
                               const std::string& text) {
  return json::parse(text).context(
      fmt::format("read blob {} of {}", digest, image.layout.native()));
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

std::string_view wanted_architecture(const LayoutImage& image) {
  return image.architecture.empty() ? node_architecture() : std::string_view(image.architecture);
}

const json::Value* manifest_for(const LayoutImage& image, const json::Value& index) {
  const json::Array* const manifests = index.at("manifests").array();
  const json::Value* other = nullptr;
  for (std::size_t i = 0; manifests != nullptr && i < manifests->size(); ++i) {
    const json::Value& manifest = (*manifests)[i];
    const json::Value& platform = manifest.at("platform");
    if (platform.at("architecture").string_or("") != wanted_architecture(image) ||
        platform.at("os").string_or("linux") != "linux") {
      continue;
    }
    if (platform.at("variant").string_or("") == image.variant) {
      return &manifest;
    }
    // Nobody has said which, and one that says it may be for newer machines than this.
    if (other == nullptr && image.variant.empty()) {
      other = &manifest;
    }
  }
  return other;
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

Result<ImageManifest> manifest_from(const LayoutImage& image, std::string digest, std::size_t bytes,
                                    const json::Value& document) {
  constexpr std::string_view kManifest = "application/vnd.oci.image.manifest.v1+json";
  ImageManifest manifest;
  manifest.digest = std::move(digest);
  manifest.media_type = document.at("mediaType").string_or(kManifest);
  manifest.bytes = bytes;
  manifest.configuration = document.at("config").at("digest").string_or("");
  if (const json::Array* layers = document.at("layers").array()) {
    for (const json::Value& layer : *layers) {
      constexpr std::string_view kLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
      manifest.layers.push_back(
          {std::string(layer.at("digest").string_or("")),
           std::string(layer.at("mediaType").string_or(kLayer)),
           static_cast<std::uint64_t>(std::max<std::int64_t>(layer.at("size").integer_or(0), 0))});
      if (!is_image_digest(manifest.layers.back().digest)) {
        return fail(Code::invalid, "image {} of layout {} names a layer that is no sha256 digest",
                    manifest.digest, image.layout.native());
      }
    }
  }
  return manifest;
}

}  // namespace

std::string sha256_digest(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), bytes.data(), &size, EVP_sha256(), nullptr);
  std::string text = "sha256:";
  for (unsigned int i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", bytes.at(i));
  }
  return text;
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

std::string_view node_architecture() {
  return kArchitecture;
}

Result<std::string> tagged_digest(const LayoutImage& image) {
  const std::string& layout = image.layout.native();
  const std::string text =
      TRY(read_in_layout(image, "index.json").context("read image layout " + layout));
  const json::Value document =
      TRY(json::parse(text).context("read index.json of image layout " + layout));
  const json::Value* entry = manifest_tagged(document, image.tag);
  if (entry == nullptr) {
    return fail(Code::not_found, "image layout {} has no image tagged {}", layout, image.tag);
  }
  return std::string(entry->at("digest").string_or(""));
}

Result<ImageManifest> read_manifest(const LayoutImage& image) {
  std::string digest = image.digest;
  if (digest.empty()) {
    digest = TRY(tagged_digest(image));
  }
  for (int depth = 0; depth < kMostNesting; ++depth) {
    const std::string text = TRY(read_blob(image, digest));
    const json::Value document = TRY(parse_blob(image, digest, text));
    if (document.find("config") != nullptr) {
      return manifest_from(image, std::move(digest), text.size(), document);
    }
    const json::Value* entry = manifest_for(image, document);
    if (entry == nullptr) {
      return fail(Code::not_found, "image {} of layout {} has nothing for architecture {}{}{}",
                  image.tag.empty() ? image.digest : image.tag, image.layout.native(),
                  wanted_architecture(image), image.variant.empty() ? "" : "/", image.variant);
    }
    digest = entry->at("digest").string_or("");
  }
  return fail(Code::invalid, "image {} of layout {} is an index of indexes, nested too deep",
              image.tag.empty() ? image.digest : image.tag, image.layout.native());
}

Result<ImageManifest> read_image(const LayoutImage& image) {
  ImageManifest manifest = TRY(read_manifest(image));
  const std::string text = TRY(read_blob(image, manifest.configuration));
  const json::Value configuration = TRY(parse_blob(image, manifest.configuration, text));
  const std::string_view architecture = configuration.at("architecture").string_or("");
  if (!image.architecture.empty() && architecture != image.architecture) {
    return fail(Code::not_found, "image {} is for architecture {}, and not for {}", manifest.digest,
                architecture, image.architecture);
  }
  manifest.config = read_image_config(configuration);
  const std::vector<std::string> tars = strings_of(configuration.at("rootfs").at("diff_ids"));
  for (std::size_t i = 0; tars.size() == manifest.layers.size() && i < tars.size(); ++i) {
    manifest.layers[i].diff_id = is_image_digest(tars[i]) ? tars[i] : std::string();
  }
  return manifest;
}

}  // namespace drover::runtimes
