#include "runtimes/sessions/input_server.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>

#include "agent/system/pipe.h"
#include "fakes/temp_folder.h"
#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {
namespace {

/// As its monitor does, until nothing is to be done.
void serve(InputServer& server) {
  for (;;) {
    std::vector<pollfd> fds;
    server.watch(fds);
    if (poll(fds.data(), fds.size(), 0) <= 0) {
      return;
    }
    server.handle(fds, 0);
  }
}

// It waited for the program's end.
TEST(InputServerTest, WhoWaitsForAProgramWhoseInputAnotherHasEndedIsToldSo) {
  const fakes::TempFolder folder;
  system::Pipe input = system::make_pipe().value();
  InputServer server(listen_at(folder.path()).value(), {[](const TerminalSize&) {}, [] {}});
  server.serve(std::move(input.write), false);
  const system::UniqueFd waits = connect_to(folder.path()).value();
  const system::UniqueFd ends = connect_to(folder.path()).value();
  serve(server);
  for (int i = 0; i < 3; ++i) {  // more than a pipe holds
    ASSERT_TRUE(send_record(waits.get(), SessionRecord::input, std::string(kMostInput, 'x')));
    serve(server);
  }
  pollfd told{waits.get(), POLLIN, 0};
  EXPECT_EQ(poll(&told, 1, 0), 0);
  ASSERT_TRUE(send_record(ends.get(), SessionRecord::finish));
  serve(server);
  EXPECT_FALSE(server.serves());
  EXPECT_EQ(poll(&told, 1, 0), 1);
  EXPECT_NE(told.revents & POLLHUP, 0);
}

}  // namespace
}  // namespace drover::runtimes
