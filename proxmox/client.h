// Client: one Proxmox VE API, request by request.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/clock.h"
#include "agent/system/stop.h"

namespace drover::proxmox {

using system::Stop;

/// One pveproxy of the cluster. Each knows all nodes and passes on what is for another.
struct Server {
  std::string url = "https://127.0.0.1:8006";
  std::string fingerprint;  ///< SHA-256 of its certificate, "AA:BB:..."; "" for Endpoint::ca_file
};

/// Where the API is and who we are to it.
struct Endpoint {
  Server server;                     ///< asked first: the node's own
  std::vector<Server> others;        ///< asked in this order while that one cannot be reached
  std::string node;                  ///< the Proxmox node this agent runs on
  std::filesystem::path ca_file;     ///< PEM; "" when every server has a fingerprint
  std::filesystem::path token_file;  ///< "USER@REALM!ID=UUID", or "" for a login by password;
                                     ///< both files are read with system::read_secret
  std::string user;                  ///< USER@REALM that logs in
  std::filesystem::path password_file;
  std::chrono::milliseconds timeout{40'000};  ///< one request; above pveproxy's own 30 s
};

/// Parameters of a request; encoded as a form (or a query for GET and DELETE).
using Form = std::vector<std::pair<std::string, std::string>>;

/// A file that goes with a form, read from its begin while it is sent.
struct FilePart {
  std::string name;  ///< what it shall be called there
  int fd = -1;       ///< a regular file, the caller's
  std::uint64_t size_bytes = 0;
};

/// Thread-safe. Paths are below /api2/json and begin with "/"; what comes from outside must have
/// been passed through `path_segment`. The result is the answer's "data".
///
/// Errors by what the API meant, whatever status it used: not_found, conflict (exists, is running,
/// is locked, digest), invalid (400 with faults naming the fields), refused (401, 403), unavailable
/// (595: surely not done; a lock that was waited for too long), timed_out and broken. An error of a
/// POST, PUT or DELETE whose outcome is unknown (596, a lost connection, our own deadline) is
/// `timed_out`.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<json::Value> get(const std::string& path, const Form& query, const Stop& stop) = 0;
  /// The whole answer: a few methods say more beside "data".
  virtual Result<json::Object> get_whole(const std::string& path, const Form& query,
                                         const Stop& stop) = 0;
  virtual Result<json::Value> post(const std::string& path, const Form& form, const Stop& stop) = 0;
  virtual Result<json::Value> put(const std::string& path, const Form& form, const Stop& stop) = 0;
  virtual Result<json::Value> del(const std::string& path, const Form& query, const Stop& stop) = 0;
  /// A POST of the form with the file behind it, as a multipart body in just this order, to the
  /// node's own server. It may take as long as bytes pass; `stop` keeps a whole file from being
  /// sent, and is not heeded once it was.
  virtual Result<json::Value> upload(const std::string& path, const Form& form,
                                     const FilePart& file, const Stop& stop) = 0;
  /// Endpoint::node.
  virtual const std::string& node() const = 0;
  /// Whose its requests are, "USER@REALM!ID" or "USER@REALM": the tasks they begin bear it
  /// (Upid::user).
  virtual const std::string& user() const = 0;
};

/// Whether such a user is an API token.
inline bool names_token(std::string_view user) {
  return user.find('!') != std::string_view::npos;
}

/// Over HTTPS with libcurl. Fails when the token or password cannot be read, or when there is
/// neither a CA file nor a fingerprint for a server: none is trusted unseen. `clock` must outlive
/// it.
Result<std::unique_ptr<Client>> make_https_client(const Endpoint& endpoint, system::Clock& clock);

/// Percent-encodes everything but unreserved characters (RFC 3986).
std::string path_segment(std::string_view text);
/// "NAME=VALUE&...", both so encoded that they come through whatever they hold.
std::string encode(const Form& form);

}  // namespace drover::proxmox
