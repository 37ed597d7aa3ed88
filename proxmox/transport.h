// Transport: one HTTPS request after the other over kept connections, to the first server that
// takes it.
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
  std::string method;                ///< "GET", "POST", "PUT" or "DELETE"
  std::string target;                ///< path and query
  std::vector<std::string> headers;  ///< "Name: value"; never shown
  std::string body{};                ///< a form; only of POST and PUT
  /// Doing it twice harms nobody. Others are sent once: also not again on a new connection when the
  /// kept one has turned out to be closed, as libcurl would by itself.
  bool repeatable = false;
  /// To the node's own server and to no other.
  bool own_server_only = false;
  /// In place of `body`: a multipart one, of these fields and the file behind them.
  struct Parts {
    const Form& fields;
    const FilePart& file;
  };
  std::optional<Parts> parts{};
};

/// Thread-safe: each request takes a transfer of its own from a pool.
class Transport {
 public:
  /// `invalid` for servers that could not be asked, or not be trusted.
  static Result<std::unique_ptr<Transport>> make(const Endpoint& endpoint, system::Clock& clock);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// `unavailable` when the request surely did not reach the API, `timed_out` when it may have,
  /// `refused` when the server is not the one that is trusted, `cancelled` soon after `stop`.
  ///
  /// A server that cannot be reached is passed over for a moment; only when there is no other
  /// is it asked all the same. One that may have reached a server is sent to no other, unless it is
  /// repeatable.
  Result<Answer> send(const Request& request, const Stop& stop);

 private:
  struct Transfer;
  struct Target {
    std::string url;
    std::optional<CertificatePin> pin;  ///< none to verify by the CA file
    system::Instant passed_over_until{};
  };

  Transport(const Endpoint& endpoint, std::vector<Target> servers, system::Clock& clock);

  /// All of them, those to be passed over last.
  std::vector<std::size_t> order();
  void pass_over(std::size_t server);
  /// `reached` tells whether the request may have come to it, also when `cancelled`.
  Result<Answer> send_to(const Target& server, const Request& request, const Stop& stop,
                         bool& reached);
  std::unique_ptr<Transfer> take();
  void give_back(std::unique_ptr<Transfer> transfer);
  static void add_parts(Transfer& transfer, const Request::Parts& parts);
  void prepare(Transfer& transfer, const Target& server, const Request& request) const;

  const std::filesystem::path ca_file_;
  const std::chrono::milliseconds timeout_;
  system::Clock& clock_;
  std::mutex mutex_;
  std::vector<Target> servers_;                  // passed_over_until guarded by mutex_
  std::vector<std::unique_ptr<Transfer>> idle_;  // guarded by mutex_
};

}  // namespace drover::proxmox
