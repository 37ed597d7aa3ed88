// JournalSocket: in the place of systemd-journald, a socket that takes entries as that does.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "agent/system/journal.h"
#include "agent/system/unique_fd.h"
#include "fakes/private_mounts.h"

namespace drover::fakes {

/// While it lives, processes of this test's mounts (private_mounts.h) send to it.
class JournalSocket {
 public:
  using Entry = std::map<std::string, std::string>;

  JournalSocket() : folder_(std::filesystem::path(system::kJournalSocket).parent_path()) {
    std::filesystem::create_directories(folder_);
    EXPECT_EQ(mount("tmpfs", folder_.c_str(), "tmpfs", 0, nullptr), 0) << std::strerror(errno);
    fd_ = system::UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(&address.sun_path[0], system::kJournalSocket, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
        << std::strerror(errno);
  }
  ~JournalSocket() { EXPECT_EQ(umount2(folder_.c_str(), MNT_DETACH), 0) << std::strerror(errno); }
  JournalSocket(const JournalSocket&) = delete;
  JournalSocket& operator=(const JournalSocket&) = delete;

  /// The next one; empty when none comes within 20 s.
  Entry next() {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (poll(&waiting, 1, 20'000) != 1) {
      return {};
    }
    std::array<char, 65536> buffer{};
    const ssize_t size = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    return entry_of({buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)});
  }

 private:
  /// The native protocol of the journal (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md):
  /// "NAME=VALUE\n", or with line breaks in it "NAME\n", eight bytes of length, and the value.
  static Entry entry_of(std::string_view text) {
    Entry entry;
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      const std::size_t equals = line.find('=');
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      if (equals != std::string_view::npos) {
        entry.emplace(line.substr(0, equals), line.substr(equals + 1));
        continue;
      }
      std::uint64_t size = 0;
      std::memcpy(&size, text.data(), std::min(sizeof size, text.size()));
      text.remove_prefix(std::min(sizeof size, text.size()));
      entry.emplace(line, text.substr(0, size));
      text.remove_prefix(std::min<std::size_t>(size + 1, text.size()));
    }
    return entry;
  }

  std::filesystem::path folder_;
  system::UniqueFd fd_;
};

}  // namespace drover::fakes
