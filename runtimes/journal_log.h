// JournalLog: what a container prints, for the node's journal, line by line and with the fields
// that conmon(8) gives its own there (ctr_logging.c).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "agent/core/log_policy.h"
#include "agent/core/result.h"
#include "agent/core/runtime_kind.h"
#include "agent/system/journal.h"
#include "runtimes/printed_lines.h"

namespace drover::runtimes {

/// `refused` where the policy wants the node's journal and there is none to send to.
Result<> check_journal(const LogPolicy& policy, std::string_view runtime);

/// `refused` where it wants that and conmon would not send there: to it the container's name is an
/// id, of which it takes none of 12 characters or less (ctr_logging.c).
Result<> check_journal_name(const LogPolicy& policy, RuntimeKind kind, const std::string& name);

/// For one thread.
class JournalLog {
 public:
  explicit JournalLog(std::string name) : name_(std::move(name)) {}

  /// Takes what came on "stdout" or "stderr", and sends it by PrintedLines: a part of a line as
  /// partial. Waits while the journal is behind (JournalSender); what that does not take is lost.
  void write(std::string_view stream, std::string_view chunk);
  /// Sends what still waits.
  void finish();

 private:
  void send(std::string_view stream, std::string_view text, bool partial);

  std::string name_;
  PrintedLines lines_;
  system::JournalSender journal_;
};

}  // namespace drover::runtimes
