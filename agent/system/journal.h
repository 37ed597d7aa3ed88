// The node's journal (systemd-journald).
#pragma once

#include <string>
#include <vector>

#include "agent/core/result.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// Whether anybody could take entries here.
bool has_journal();

/// For one thread. sd_journal_sendv(3) waits for a journal that reads nothing for as long as that
/// lasts; this waits while it is behind, and for a second where nothing is taken at all.
class JournalSender {
 public:
  /// One entry of fields as "MESSAGE=text" (systemd.journal-fields(7)), of 100 KiB together at
  /// most. `unavailable` when the journal does not take it: then nothing is waited for any more
  /// until it takes something.
  Result<> send(const std::vector<std::string>& fields);

 private:
  Result<> connect();

  UniqueFd socket_;
  bool is_stuck_ = false;
};

}  // namespace drover::system
