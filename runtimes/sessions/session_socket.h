// The socket of one program that a job runs inside a container: "socket" in its folder.
//
// Whoever begins the program makes it, and its monitor has it open until it has nothing left to do.
// So a connection stands as long as the program does, and where nobody listens nobody is there.
// What is sent are records (SOCK_SEQPACKET) of one letter and what belongs to it. The monitor sends
// nothing.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/core/result.h"
#include "agent/core/terminal_size.h"
#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::runtimes {

/// The first letter of a record.
enum class SessionRecord : char {
  input = 'i',   ///< bytes for its standard input
  finish = 'f',  ///< its standard input ends
  resize = 'r',  ///< its terminal's size: "COLUMNS ROWS"
  end = 'e',     ///< it and its children shall be ended
};

/// The number that the socket has in the monitor that it is made for.
inline constexpr int kSessionListener = 3;
/// Of a record of input, without its letter.
inline constexpr std::size_t kMostInput = std::size_t{32} << 10;

/// Makes it, in place of one that is there. However long the folder's name is.
Result<system::UniqueFd> listen_at(const system::Path& folder);
/// Invalid when nobody listens there. Non-blocking.
Result<system::UniqueFd> connect_to(const system::Path& folder, std::string_view name = "socket");
/// `not_found` when nobody is there any more, `unavailable` when there is no room for it.
Result<> send_record(int socket, SessionRecord record, std::string_view content = {});
Result<> send_size(int socket, const TerminalSize& size);

}  // namespace drover::runtimes
