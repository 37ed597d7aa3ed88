// Where a cluster of etcd is, and as whom it is asked.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace drover::etcd {

struct Settings {
  /// Of all members: "http://HOST:PORT", "https://HOST:PORT".
  std::vector<std::string> endpoints;
  /// The authority of the members' certificates; needed for https.
  std::filesystem::path ca_file{};
  /// Our certificate and its key, where members ask for one. It has no common name: the gateway
  /// could not pass it on as the user that it is elsewhere, and refuses such ones (etcd 3.4,
  /// etcdhttp).
  std::filesystem::path certificate_file{};
  std::filesystem::path key_file{};
  /// "" where etcd has no users.
  std::string user{};
  /// Root's and nobody else's; read at each login, so that another password needs no restart.
  std::filesystem::path password_file{};
  /// Of one member. One that takes longer is passed over for the next.
  std::chrono::milliseconds timeout{2000};
};

}  // namespace drover::etcd
