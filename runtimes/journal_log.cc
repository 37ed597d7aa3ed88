#include "runtimes/journal_log.h"

#include <vector>

namespace drover::runtimes {
namespace {

constexpr std::size_t kShortId = 12;

}  // namespace

Result<> check_journal(const LogPolicy& policy, std::string_view runtime) {
  return policy.driver.empty() || system::has_journal()
             ? Result<>()
             : fail(Code::refused,
                    "{}, log.driver: this node has no journal (there is no {}); leave it out",
                    runtime, system::kJournalSocket);
}

Result<> check_journal_name(const LogPolicy& policy, RuntimeKind kind, const std::string& name) {
  const bool by_conmon = kind == RuntimeKind::runc || kind == RuntimeKind::crun;
  return policy.driver.empty() || !by_conmon || name.size() > kShortId
             ? Result<>()
             : fail(Code::refused,
                    "log.driver: journald: of containers of {} conmon sends there what those with "
                    "a name of more than {} characters print, and {} has {}; choose a longer one, "
                    "or runtime lxc",
                    to_string(kind), kShortId, name, name.size());
}

void JournalLog::write(std::string_view stream, std::string_view chunk) {
  lines_.add(stream, chunk, [this](std::string_view from, std::string_view text, bool ends) {
    send(from, text, !ends);
  });
}

void JournalLog::finish() {
  lines_.finish(
      [this](std::string_view from, std::string_view text, bool ends) { send(from, text, !ends); });
}

void JournalLog::send(std::string_view stream, std::string_view text, bool partial) {
  // LOG_ERR and LOG_INFO of syslog(3).
  std::vector<std::string> fields = {fmt::format("MESSAGE={}", text),
                                     fmt::format("PRIORITY={}", stream == "stderr" ? 3 : 6),
                                     fmt::format("CONTAINER_ID_FULL={}", name_),
                                     fmt::format("CONTAINER_ID={}", name_.substr(0, kShortId)),
                                     fmt::format("CONTAINER_NAME={}", name_),
                                     fmt::format("SYSLOG_IDENTIFIER={}", name_)};
  if (partial) {
    fields.emplace_back("CONTAINER_PARTIAL_MESSAGE=true");
  }
  [[maybe_unused]] const Result<> sent = journal_.send(fields);
}

}  // namespace drover::runtimes
