#include "runtimes/sessions/input_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
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

/// All that the program reads until the server has nothing more for it.
std::string read_all(InputServer& server, int input) {
  std::string all;
  std::array<char, 65536> part;  // all that a pipe holds
  for (;;) {
    pollfd ready{input, POLLIN, 0};
    if (poll(&ready, 1, 0) <= 0) {
      return all;
    }
    const ssize_t size = read(input, part.data(), part.size());
    if (size <= 0) {
      return all;
    }
    all.append(part.data(), static_cast<std::size_t>(size));
    serve(server);
  }
}

// The records of both were given by turns: what an agent had left here when it was ended, and what
// the next one sent.
TEST(InputServerTest, WhatWasLeftByOneThatIsGoneIsGivenBeforeWhatTheNextOneSends) {
  const fakes::TempFolder folder;
  system::Pipe input = system::make_pipe().value();
  InputServer server(listen_at(folder.path()).value(), {[](const TerminalSize&) {}, [] {}});
  server.serve(std::move(input.write), false);
  system::UniqueFd before = connect_to(folder.path()).value();
  serve(server);
  std::string sent;
  for (const char letter : {'a', 'b', 'c', 'd', 'e'}) {
    const std::string record(kMostInput, letter);
    if (!send_record(before.get(), SessionRecord::input, record)) {
      break;
    }
    sent += record;
    serve(server);
  }
  ASSERT_GT(sent.size(), 3 * kMostInput);  // more than the pipe and one record beside it
  before.reset();
  const system::UniqueFd next = connect_to(folder.path()).value();
  serve(server);
  ASSERT_TRUE(send_record(next.get(), SessionRecord::input, std::string(kMostInput, 'n')));
  ASSERT_TRUE(send_record(next.get(), SessionRecord::finish));
  serve(server);
  const std::string read = read_all(server, input.read.get());
  EXPECT_FALSE(server.serves());
  EXPECT_TRUE(read == sent + std::string(kMostInput, 'n')) << read.size() << " bytes";
}

}  // namespace
}  // namespace drover::runtimes
