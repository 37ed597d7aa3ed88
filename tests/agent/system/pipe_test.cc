#include "agent/system/pipe.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "agent/system/file.h"

namespace drover::system {
namespace {

TEST(PipeTest, IsReadToItsEndAlsoWhereSignalsComeBetween) {
  struct sigaction interrupting {};
  interrupting.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGUSR1, &interrupting, &before), 0);
  Pipe pipe = make_pipe().value();
  std::string text;
  std::thread reader([&] { text = read_to_end(pipe.read.get()); });
  for (int part = 0; part < 3; ++part) {
    for (int times = 0; times < 200; ++times) {
      pthread_kill(reader.native_handle(), SIGUSR1);
      sched_yield();
    }
    EXPECT_TRUE(write_all(pipe.write.get(), std::string(10'000, 'x')));
  }
  pipe.write.reset();
  reader.join();
  EXPECT_EQ(text.size(), 30'000U);
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace drover::system
