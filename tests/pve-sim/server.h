// Server: the API over HTTPS.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tests/pve-sim/api.h"
#include "tests/pve-sim/logins.h"

namespace drover::pve_sim {

class Server {
 public:
  /// Every 401 is given after `auth_delay`. Throws std::runtime_error when the certificate below
  /// Place::directory cannot be used.
  Server(const Place& place, Secrets secrets, std::chrono::milliseconds auth_delay);
  ~Server();

  /// Binds on 127.0.0.1; 0 lets the kernel pick. The port, or -1.
  int bind(int port);
  /// Serves until `stop`, which any thread may call.
  void serve();
  void stop();

 private:
  struct Http;
  std::unique_ptr<Http> http_;
};

}  // namespace drover::pve_sim
