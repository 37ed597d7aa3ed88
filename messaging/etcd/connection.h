// Connection: to one member of etcd, kept between requests.
#pragma once

#include <memory>
#include <string>

#include "agent/core/result.h"
#include "agent/system/stop.h"
#include "messaging/etcd/etcd_answer.h"
#include "messaging/etcd/settings.h"

namespace drover::etcd {

struct HttpRequest {
  std::string path;   ///< "/v3/kv/range"
  std::string body;   ///< JSON
  std::string token;  ///< of a user, or ""; never shown
  /// It may be sent again on a new connection when the kept one has turned out to be closed.
  bool repeatable = false;
};

/// For one thread at a time.
class Connection {
 public:
  /// `settings` outlives it.
  Connection(const Settings& settings, std::string url);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// `unavailable` when the request surely did not reach the member, `timed_out` when it may have,
  /// `refused` when the member is not one that is trusted, `cancelled` soon after `stop`.
  Result<HttpAnswer> post(const HttpRequest& request, const system::Stop& stop);

  const std::string& url() const { return url_; }

 private:
  struct Transfer;
  void prepare(const HttpRequest& request);

  const Settings& settings_;
  const std::string url_;
  std::unique_ptr<Transfer> transfer_;  // none until the first request, and after one that failed
};

}  // namespace drover::etcd
