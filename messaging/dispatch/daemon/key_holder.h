// KeyHolder: the part of drover-dispatch that stays root. It reads the keys, which are root's
// alone, and keeps the part running that faces the network and has no privileges (server.h).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/daemon/front_process.h"
#include "agent/daemon/key_watch.h"
#include "agent/system/loop.h"
#include "messaging/dispatch/daemon/dispatch_config.h"

namespace drover::dispatch {

/// Belongs to the loop's thread.
class KeyHolder {
 public:
  /// Fails for faulty keys, without a key where tcp is to be served, and without the user.
  /// `program`: this one, which is started anew with --directory and --fd.
  static Result<std::unique_ptr<KeyHolder>> start(system::Loop& loop, DispatchConfig config,
                                                  const system::Path& program);
  /// Reads the files anew (SIGHUP).
  void reload();

 private:
  KeyHolder(system::Loop& loop, DispatchConfig config) : loop_(loop), config_(std::move(config)) {}
  Result<> give_state_folder();
  void hand_over();
  void hand_keys();

  system::Loop& loop_;
  const DispatchConfig config_;
  std::unique_ptr<daemon::KeyWatch> watch_;  // none where nothing is served over tcp
  std::optional<daemon::FrontProcess> server_;
};

}  // namespace drover::dispatch
