// Fetches that several want: done once, told to all, ended by the last.
#include "runtimes/images/image_flights.h"

#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <system_error>
#include <thread>

#include "fetching.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

constexpr std::chrono::milliseconds kSoon{5};

/// A fetch that goes on until it is let go, and counts how often it was begun.
class Held {
 public:
  ImageFlights::Fetch fetch() {
    return [this](const system::Stop& stop, const ImageFlights::Line& line) -> Result<Image> {
      ++begun;
      line("half of it");
      pollfd asked[2] = {{stop.fd(), POLLIN, 0}, {go_.fd(), POLLIN, 0}};
      poll(asked, 2, -1);
      ++ended;
      TRY(stop.check("fetch"));
      return Image{.reference = "x", .digest = "sha256:1", .rootfs = "/x", .config = {}};
    };
  }
  void let_go() { go_.request(); }

  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;

 private:
  system::Stop go_;
};

/// Somebody who waits for it, on a thread of his own.
struct Waiter {
  Waiter(ImageFlights& flights, Held& held, const std::string& key = "x")
      : thread([this, &flights, &held, key] {
          result = flights.join(key, held.fetch(), stop, kSoon,
                                [this](const ImageFlights::Lines& lines) { heard = lines.size(); });
        }) {}
  ~Waiter() {
    if (thread.joinable()) {
      thread.join();
    }
  }
  void await_heard() const {
    while (heard == 0) {
      std::this_thread::yield();
    }
  }

  system::Stop stop;
  std::atomic<std::size_t> heard = 0;
  Result<Image> result = fail(Code::broken, "not yet");
  std::thread thread;
};

TEST(ImageFlightsTest, AllWhoWantItGetWhatOneFetchGives) {
  ImageFlights flights;
  Held held;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 8; ++i) {
    waiters.push_back(std::make_unique<Waiter>(flights, held));
  }
  for (const auto& waiter : waiters) {
    waiter->await_heard();
  }
  held.let_go();
  for (const auto& waiter : waiters) {
    waiter->thread.join();
    ASSERT_TRUE(waiter->result) << waiter->result.error().message;
    EXPECT_EQ(waiter->result->digest, "sha256:1");
  }
  EXPECT_EQ(held.begun, 1);
  // Who comes later has it looked after again.
  Waiter(flights, held).thread.join();
  EXPECT_EQ(held.begun, 2);
}

TEST(ImageFlightsTest, OneWhoIsCancelledEndsNobodyElsesFetch) {
  ImageFlights flights;
  Held held;
  Waiter first(flights, held);
  first.await_heard();
  Waiter second(flights, held);
  second.await_heard();
  first.stop.request();
  first.thread.join();
  EXPECT_EQ(first.result.error().code, Code::cancelled);
  EXPECT_EQ(held.ended, 0);
  held.let_go();
  second.thread.join();
  EXPECT_TRUE(second.result);
  EXPECT_EQ(held.begun, 1);
}

TEST(ImageFlightsTest, TheLastWhoIsCancelledEndsIt) {
  ImageFlights flights;
  Held held;
  {
    Waiter first(flights, held);
    Waiter second(flights, held);
    first.await_heard();
    second.await_heard();
    first.stop.request();
    second.stop.request();
  }
  EXPECT_EQ(held.ended, 1);
}

TEST(ImageFlightsTest, FourGoOnAtOnce) {
  ImageFlights flights;
  Held held;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::make_unique<Waiter>(flights, held, std::to_string(i)));
    waiters.back()->await_heard();
  }
  Waiter fifth(flights, held, "fifth");
  Waiter sixth(flights, held, "sixth");
  sixth.stop.request();
  sixth.thread.join();
  EXPECT_EQ(sixth.result.error().code, Code::cancelled);
  EXPECT_EQ(held.begun, 4);
  held.let_go();
  fifth.thread.join();
  EXPECT_TRUE(fifth.result);
}

class SharedFetchTest : public Fetching {};

TEST_F(SharedFetchTest, ManyAtOnceFetchOnceAndHearHowFarItIs) {
  const fakes::Registry registry;
  registry.push(make("app", {"motd"}), "app:1");
  const std::string name = "docker://" + registry.host() + "/app:1";
  run({"mkfifo", folder_ / "go"});
  const Path begun = folder_ / "begun";
  const OtherSkopeo other(folder_ / "bin", "echo Copying blob sha256:" + std::string(64, 'a') +
                                               "\necho begun >>" + begun.native() + "\nread x <" +
                                               (folder_ / "go").native() + "\nexec $REAL \"$@\"\n");
  ImageStore store(layout_, options());
  std::vector<std::thread> threads;
  std::array<std::atomic<bool>, 4> heard{};
  std::array<std::string, 4> told;
  std::array<Path, 4> roots;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto image = store.fetch(
          name, {}, stop_,
          [&, i](const std::string& line) {
            told[i] = line;
            heard[i] = true;
          },
          kSoon);
      roots[i] = image ? image->rootfs : Path(image.error().message);
    });
  }
  for (const auto& one : heard) {
    while (!one) {
      std::this_thread::yield();
    }
  }
  std::ofstream(folder_ / "go") << "\n";
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < roots.size(); ++i) {
    EXPECT_EQ(roots[i], layout_.image_root(made("app").digest));
    EXPECT_THAT(told[i], HasSubstr("blobs and"));
  }
  EXPECT_EQ(system::read_file(begun).value(), "begun\n");
  EXPECT_EQ(registry.sent(made("app").layers.front().digest), 1U);
}

/// What the threads of this process are made with from now on, until it goes.
class ThreadsThatCannotBeMade {
 public:
  ThreadsThatCannotBeMade() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t huge = before_;
    EXPECT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 47), 0);
    EXPECT_EQ(pthread_setattr_default_np(&huge), 0);
  }
  ~ThreadsThatCannotBeMade() { EXPECT_EQ(pthread_setattr_default_np(&before_), 0); }

 private:
  pthread_attr_t before_{};
};

TEST(ImageFlightsTest, OneThatCouldNotBeBegunKeepsNobodyWaiting) {
  ImageFlights flights;
  Held held;
  const system::Stop never;
  {
    const ThreadsThatCannotBeMade none;
    EXPECT_THROW(
        (void)flights.join("x", held.fetch(), never, kSoon, [](const ImageFlights::Lines&) {}),
        std::system_error);
  }
  held.let_go();
  Waiter later(flights, held);
  later.thread.join();
  EXPECT_TRUE(later.result) << later.result.error().message;
  EXPECT_EQ(held.begun, 1);
}

}  // namespace
}  // namespace drover::runtimes
