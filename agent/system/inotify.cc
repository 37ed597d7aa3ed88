#include "agent/system/inotify.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace drover::system {

void take_changes(const UniqueFd& inotify, const std::function<void(const FileChange&)>& on) {
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t size = ::read(inotify.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      return;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // Padded with zeros to its length.
      const char* const name = event.len > 0 ? buffer.data() + at + sizeof event : "";
      on({event.wd, event.mask, name});
      at += sizeof event + event.len;
    }
  }
}

}  // namespace drover::system
