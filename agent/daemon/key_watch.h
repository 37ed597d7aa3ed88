// KeyWatch: the node's keys and those it allows, as the files of their folder are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/allow_list.h"
#include "agent/core/curve_key.h"
#include "agent/core/json.h"
#include "agent/system/file.h"
#include "agent/system/key_files.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"

namespace drover::daemon {

/// Belongs to the loop's thread. Files are read anew when one of them is renamed into the folder,
/// written, given another mode or removed. One that is faulty changes nothing of what it stands
/// for: what was read of it before stays in force, and the others are taken all the same.
class KeyWatch {
 public:
  struct Keys {
    KeyPair server;
    std::optional<KeyPair> next;
    AllowList allowed;
    bool operator==(const Keys&) const = default;
  };
  /// Gets "keys_reloaded" after `keys` has changed, or "keys_refused" for a file that is not
  /// accepted, with the event's data (docs/events.md).
  using Told = std::function<void(std::string_view what, json::Object data)>;

  /// Fails for any faulty file, and without a server.key.
  static Result<std::unique_ptr<KeyWatch>> start(system::Loop& loop, const system::Path& folder,
                                                 Told told);
  ~KeyWatch();
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;

  const Keys& keys() const { return keys_; }
  /// Reads all anew, also a folder that was put in the place of the one before, and tells of each
  /// fault, also of one it has told of.
  void reload();

 private:
  KeyWatch(system::Loop& loop, system::Path folder, system::UniqueFd inotify, int watched,
           Keys keys, Told told);
  /// None where there is no folder; it is then watched from the next `reload` on.
  void watch_folder();
  void changed();
  void read_anew();
  /// Whether the file was good. Tells of another fault than the last one.
  bool note(const char* file, const Result<>& read);

  system::Loop& loop_;
  system::Path folder_;
  system::UniqueFd inotify_;
  int watched_;  // the folder's number; -1 for none
  Keys keys_;
  Told told_;
  std::map<std::string, std::string> faults_;  // by file, as they were told
};

}  // namespace drover::daemon
