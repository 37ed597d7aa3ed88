#include "runtimes/exit_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>

namespace drover::runtimes {

Exit read_exit_file(const system::Path& path) {
  Exit exit;
  Result<std::string> text = system::read_file(path, 16);
  if (!text) {
    return exit;
  }
  if (text->ends_with('\n')) {
    text->pop_back();
  }
  int code = 0;
  const char* end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, code);
  if (error == std::errc() && stopped == end && code >= 0 && code <= 255) {
    exit.code = code;
  }
  struct stat found {};
  if (stat(path.c_str(), &found) == 0) {
    exit.at_unix_ms = std::int64_t{found.st_mtim.tv_sec} * 1000 + found.st_mtim.tv_nsec / 1'000'000;
  }
  return exit;
}

void note_kill(const system::Path& folder) {
  const system::Path note = folder / kKilledNote;
  const system::UniqueFd made(open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

}  // namespace drover::runtimes
