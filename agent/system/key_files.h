// The files of keys: of the node itself (server.key, and server-next.key while that is changed) and
// of those who may come (allow.json).
#pragma once

#include <optional>
#include <string>

#include "agent/core/allow_list.h"
#include "agent/core/curve_key.h"
#include "agent/system/file.h"

namespace drover::system {

inline constexpr const char* kServerKey = "server.key";
inline constexpr const char* kNextServerKey = "server-next.key";
inline constexpr const char* kAllowList = "allow.json";

/// `refused` unless only root can put files there.
Result<> check_keys_folder(const Path& folder);

/// A file's keys. `refused` when somebody else than root may have read or written it, or it is
/// reached by a symlink; `not_found`; `invalid` with the faults, never with a word of a key.
Result<KeyPair> read_key_file(const Path& file);
/// None where there is no such file.
Result<std::optional<KeyPair>> read_key_file_if_any(const Path& file);
/// The same of the allow list; without the file nobody is allowed.
Result<AllowList> read_allow_list(const Path& file);

}  // namespace drover::system
