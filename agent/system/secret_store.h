// SecretStore: the secrets of a node, a folder of files that are root's alone. They go from here to
// memory that a container has, and nowhere else: no socket, no journal, no log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::system {

/// What one may have.
inline constexpr std::size_t kMostSecretBytes = std::size_t{512} << 10;

struct StoredSecret {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t changed_unix_ms = 0;
};

/// Without state of its own; from any thread and process. Names are not checked here
/// (is_secret_name): none with a '/' may be given.
class SecretStore {
 public:
  /// The folder, 0700; made when a secret is.
  explicit SecretStore(Path folder) : folder_(std::move(folder)) {}

  /// By name. A folder that is not there is an empty one.
  Result<std::vector<StoredSecret>> list() const;
  /// `not_found` when there is none of that name.
  Result<> check(const std::string& name) const;
  /// The bytes as they were given; `refused` when somebody else than root may read the file, or it
  /// is none.
  Result<std::string> read(const std::string& name) const;
  /// 0400, on the disk when this returns. `conflict` when there is one and `replace` is not set;
  /// `invalid` for an empty one and one that is too large.
  Result<> write(const std::string& name, std::string_view value, bool replace) const;
  /// `not_found` when there is none.
  Result<> remove(const std::string& name) const;

 private:
  /// What makers that were killed have left, while nobody makes one.
  void remove_unfinished() const;

  Path folder_;
};

}  // namespace drover::system
