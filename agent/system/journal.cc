#include "agent/system/journal.h"

// Which line of this file sends it is nothing that a reader of the journal asks.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/stat.h>
#include <systemd/sd-journal.h>

#include <cstring>

namespace drover::system {

bool has_journal() {
  struct stat found {};
  return stat(kJournalSocket, &found) == 0 && S_ISSOCK(found.st_mode);
}

Result<> send_to_journal(const std::vector<std::string>& fields) {
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (const std::string& field : fields) {
    // It is read only.
    parts.push_back({const_cast<char*>(field.data()), field.size()});
  }
  const int sent = sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  return sent >= 0 ? Result<>()
                   : fail(Code::unavailable, "send to the journal: {}", std::strerror(-sent));
}

}  // namespace drover::system
