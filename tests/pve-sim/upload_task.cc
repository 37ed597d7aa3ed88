#include "tests/pve-sim/upload_task.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

/// In hexadecimal; "" for an algorithm that is not known.
std::string digest_of(const std::string& algorithm, std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  std::string text;
  const EVP_MD* kind = EVP_get_digestbyname(algorithm.c_str());
  if (kind != nullptr &&
      EVP_Digest(content.data(), content.size(), bytes.data(), &size, kind, nullptr) == 1) {
    for (unsigned i = 0; i < size; ++i) {
      text += fmt::format("{:02x}", bytes.at(i));
    }
  }
  return text;
}

}  // namespace

Result<> take_upload(const TaskRequest& request, const TaskLog& log) {
  const auto text = [&request](const char* key) {
    return std::string(request.details.find(key)->string_or(""));
  };
  const path from = text("from");
  log.line("starting file import from: " + from.string());
  const std::string content = TRY(system::read_file(from, std::size_t{64} << 20));
  (void)system::remove_tree(from).has_value();
  const std::string checksum = text("checksum");
  if (const std::string got = checksum.empty() ? "" : digest_of(text("algorithm"), content);
      got != checksum) {
    return fail(Code::broken, "checksum mismatch: got '{}' != expect '{}'", got, checksum);
  }
  log.line("target file: " + text("to"));
  return system::write_atomically(text("to"), content);
}

}  // namespace drover::pve_sim
