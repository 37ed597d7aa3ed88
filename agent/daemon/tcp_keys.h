// TcpKeys: the keys that a node serves over tcp, or goes to dispatchers with, handed to its front
// and told of when they change.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/config/bus.h"
#include "agent/core/config/dispatch.h"
#include "agent/daemon/key_watch.h"
#include "agent/jobs/journal/books.h"
#include "agent/system/clock.h"
#include "messaging/record.h"

namespace drover::daemon {

/// Belongs to the loop's thread.
class TcpKeys {
 public:
  /// Gets the record for the front whenever something has changed.
  using Send = std::function<void(const messaging::Record&)>;

  /// `bus` names an address, or there are dispatchers, `servers`. Fails, saying what to do, without
  /// keys and for faulty ones.
  static Result<std::unique_ptr<TcpKeys>> start(system::Loop& loop, const BusConfig& bus,
                                                std::string node, jobs::Books& books, Send send,
                                                std::vector<DispatchServer> servers = {});

  /// Hands a front that was started what there is now.
  void send() const;
  const AllowList& allowed() const { return watch_->keys().allowed; }
  /// Reads the files anew (SIGHUP).
  void reload() { watch_->reload(); }
  /// Tells of a key that the front has denied; false for a record of another kind. More than one a
  /// second no front of ours says, and droverd does not believe.
  bool take_denial(const messaging::Record& record);

 private:
  TcpKeys(BusTcp tcp, std::vector<DispatchServer> servers, std::string node, jobs::Books& books,
          Send send);
  void told(std::string_view what, json::Object data);
  void write(std::string_view what, json::Object data);

  BusTcp tcp_;
  std::vector<DispatchServer> servers_;
  std::string node_;
  jobs::Books& books_;
  Send send_;
  std::unique_ptr<KeyWatch> watch_;
  std::optional<system::Instant> last_denial_;
};

}  // namespace drover::daemon
