#include "agent/cli/archive_form.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace drover::cli {
namespace {

constexpr std::string_view kDocker = "docker-archive";
constexpr std::string_view kOci = "oci-archive";
constexpr std::uint64_t kBlock = 512;
/// Larger than any archive of an image has; whoever made one with more did not mean us well.
constexpr int kMostEntries = 1'000'000;

using Block = std::array<char, kBlock>;

/// Up to its first NUL.
std::string_view text_in(const Block& block, std::size_t at, std::size_t size) {
  const std::string_view whole(block.data() + at, size);
  return whole.substr(0, whole.find('\0'));
}

/// Octal digits with spaces around, or, of more than 8 GiB, a number of 88 bits, the highest byte
/// first (tar(5)).
std::optional<std::uint64_t> size_in(const Block& block) {
  constexpr std::size_t kAt = 124;
  constexpr std::size_t kSize = 12;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60U;
  std::uint64_t size = 0;
  if ((static_cast<unsigned char>(block.at(kAt)) & 0x80U) != 0) {
    for (std::size_t i = kAt + 1; i < kAt + kSize; ++i) {
      if (size > kMost >> 8U) {
        return std::nullopt;
      }
      size = size << 8U | static_cast<unsigned char>(block.at(i));
    }
    return size;
  }
  for (const char c : text_in(block, kAt, kSize)) {
    if (c == ' ') {
      continue;
    }
    if (c < '0' || c > '7') {
      return std::nullopt;
    }
    size = size << 3U | static_cast<std::uint64_t>(c - '0');
  }
  return size;
}

bool is_compressed(const Block& block) {
  using std::string_view_literals::operator""sv;
  const std::string_view begin(block.data(), 6);
  return begin.starts_with("\x1f\x8b"sv) || begin.starts_with("BZh"sv) ||
         begin.starts_with(
             "\xfd"
             "7zXZ\0"sv) ||
         begin.starts_with("\x28\xb5\x2f\xfd"sv);
}

bool is_tar(const Block& block) {
  constexpr std::size_t kMagic = 257;
  return text_in(block, kMagic, 5) == "ustar";
}

}  // namespace

Result<std::string_view> archive_form(const ReadAt& read) {
  bool has_layout = false;
  std::uint64_t at = 0;
  for (int count = 0; count < kMostEntries; ++count) {
    Block block{};
    const std::size_t got = TRY(read(at, block));
    if (count == 0 && is_compressed(block)) {
      return kDocker;
    }
    if (got < kBlock || !is_tar(block)) {
      break;  // its end, or what is none
    }
    std::string_view name = text_in(block, 0, 100);
    name.remove_prefix(name.starts_with("./") ? 2 : 0);
    if (name == "manifest.json") {
      return kDocker;
    }
    has_layout = has_layout || name == "oci-layout";
    const std::optional<std::uint64_t> size = size_in(block);
    if (!size) {
      break;
    }
    at += kBlock + (*size + kBlock - 1) / kBlock * kBlock;
  }
  if (has_layout) {
    return kOci;
  }
  return fail(
      Code::invalid,
      "it is no archive of an image: neither what docker save writes nor an OCI image layout "
      "in a tar file (skopeo copy ... oci-archive:FILE)");
}

}  // namespace drover::cli
