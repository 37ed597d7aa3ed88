#include "runtimes/images/fetch_progress.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>

namespace drover::runtimes {
namespace {

std::uint64_t bytes_of(const system::Path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

/// Of "Copying blob sha256:HEX" and "Copying config sha256:HEX" the digits; "" of any other.
std::string_view blob_in(std::string_view line) {
  constexpr std::string_view kBegin = "Copying ";
  constexpr std::string_view kAlgorithm = " sha256:";
  constexpr std::size_t kDigits = 64;
  const std::size_t at = line.find(kAlgorithm);
  return line.starts_with(kBegin) && at != std::string_view::npos
             ? line.substr(at + kAlgorithm.size(), kDigits)
             : std::string_view();
}

}  // namespace

std::string fetch_progress(const std::vector<std::string>& lines, const system::Path& blobs,
                           const system::Path& layout) {
  if (lines.empty()) {
    return "";
  }
  std::set<std::string_view> named;
  for (const std::string& line : lines) {
    if (const std::string_view blob = blob_in(line); !blob.empty()) {
      named.insert(blob);
    }
  }
  std::uint64_t bytes = 0;
  std::size_t whole = 0;
  for (const std::string_view blob : named) {
    const std::uint64_t size = bytes_of(blobs / "sha256" / blob);
    bytes += size;
    whole += size == 0 ? 0 : 1;
  }
  for (const system::Path& part : system::children_of(layout)) {
    if (part.filename().native().starts_with("oci-put-blob")) {
      bytes += bytes_of(part);
    }
  }
  constexpr double kMib = 1 << 20;
  return fmt::format("{} ({} of {} blobs and {:.1f} MiB are here)", lines.back().substr(0, 200),
                     whole, named.size(), static_cast<double>(bytes) / kMib);
}

}  // namespace drover::runtimes
