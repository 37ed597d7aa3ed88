// The node's journal (systemd-journald).
#pragma once

#include <string>
#include <vector>

#include "agent/core/result.h"

namespace drover::system {

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// Whether anybody could take entries here.
bool has_journal();

/// One entry of fields as "MESSAGE=text" (systemd.journal-fields(7)). Waits while the journal is
/// behind; one that is not there takes it without a word.
Result<> send_to_journal(const std::vector<std::string>& fields);

}  // namespace drover::system
