// Transport: one HTTPS request after the other over kept connections.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxmox/answer.h"
#include "proxmox/certificate_pin.h"
#include "proxmox/client.h"

namespace drover::proxmox {

struct Request {
  std::string method;  ///< "GET", "POST", "PUT" or "DELETE"
  std::string url;
  std::string body;  ///< a form; only of POST and PUT
};

/// Thread-safe: each request takes a transfer of its own from a pool.
class Transport {
 public:
  /// `authorization`: value of the header of that name. `pin`: none to verify by
  /// `endpoint.ca_file`.
  Transport(const Endpoint& endpoint, std::string authorization, std::optional<CertificatePin> pin);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// `unavailable` when the request surely did not reach the API, `timed_out` when it may have,
  /// `refused` when the server is not the one that is trusted, `cancelled` soon after `stop`.
  Result<Answer> send(const Request& request, const Stop& stop);

 private:
  struct Transfer;

  std::unique_ptr<Transfer> take();
  void give_back(std::unique_ptr<Transfer> transfer);
  void prepare(Transfer& transfer, const Request& request) const;
  Result<> perform(Transfer& transfer, const Request& request, const Stop& stop) const;

  Endpoint endpoint_;
  std::string authorization_;
  std::optional<CertificatePin> pin_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_;  // guarded by mutex_
};

}  // namespace drover::proxmox
