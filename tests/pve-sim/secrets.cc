#include "tests/pve-sim/secrets.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>

#include "agent/system/file.h"

namespace drover::pve_sim {

Result<std::string> random_uuid() {
  std::array<unsigned char, 16> random{};
  if (RAND_bytes(random.data(), 16) != 1) {
    return fail(Code::broken, "no random bytes");
  }
  std::string uuid;
  for (std::size_t i = 0; i < random.size(); ++i) {
    uuid += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", random[i]);
  }
  return uuid;
}

Result<std::string> make_password(const path& file) {
  std::string password = TRY(random_uuid());
  TRY(system::write_atomically(file, password + "\n", 0600));
  return password;
}

Result<std::string> make_token(const Place& place, const path& file) {
  const std::string uuid = TRY(random_uuid());
  std::string token = fmt::format("{}!{}={}", place.user, place.token, uuid);
  TRY(system::write_atomically(file, token + "\n", 0600));
  return token;
}

Result<std::string> read_line(const path& file) {
  std::string line = TRY(system::read_file(file));
  while (!line.empty() && line.back() == '\n') {
    line.pop_back();
  }
  return line;
}

}  // namespace drover::pve_sim
