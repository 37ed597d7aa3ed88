// Tasks, storage, bridges and guests against the simulator.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>

#include <fstream>

#include "agent/system/process.h"
#include "fakes/private_mounts.h"
#include "fakes/sim_node.h"
#include "proxmox/guests.h"
#include "proxmox/network.h"
#include "proxmox/storage.h"
#include "proxmox/task_watch.h"

namespace drover::proxmox {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class PrivateNetwork : public testing::Environment {
 public:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    const system::Stop stop;
    ASSERT_EQ(mount("sysfs", "/sys", "sysfs", 0, nullptr), 0);
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"ip", "link", "set", "lo", "up"},
                                               {"ip", "link", "add", "vmbr0", "type", "bridge"},
                                               {"ip", "link", "set", "vmbr0", "up"}}) {
      ASSERT_TRUE(system::run_ok(command, stop));
    }
  }
};

const auto* const kNetwork = testing::AddGlobalTestEnvironment(new PrivateNetwork);

class ServicesTest : public testing::Test {
 protected:
  fakes::SimNode node_;
  std::unique_ptr<Client> client_ = node_.client();
  system::SystemClock clock_;
  Tasks tasks_{*client_, clock_};
  Storage storage_{*client_, tasks_};
  Network network_{*client_};
  Guests guests_{*client_, tasks_};
  system::Stop stop_;
};

TEST_F(ServicesTest, OfALongLogTheEndIsTold) {
  const Upid upid{"pve1", 0x7FFFFFFE, 1, 1, "vzcreate", "100", "root@pam!drover"};
  std::ofstream log(node_.folder() / "tasks" / (upid.str() + ".log"));
  for (int line = 1; line <= 3000; ++line) {
    log << "line " << line << '\n';
  }
  log << "TASK ERROR: it went wrong\n";
  log.close();
  std::ofstream(node_.folder() / "tasks" / (upid.str() + ".status")) << "it went wrong";
  const Result<> ended = tasks_.wait(upid, std::chrono::seconds(5), stop_);
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("its log ends: line 2998 | line 2999 | line 3000"));
}

TEST_F(ServicesTest, AVolumeIsMadeSeenAndFreed) {
  const auto made = storage_.allocate("local", Vmid{9000}, "vm-9000-data.raw", 16, "raw", stop_);
  ASSERT_TRUE(made) << made.error().message;
  const auto seen = storage_.inspect(*made, stop_);
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->size_bytes, 16U << 20U);
  EXPECT_EQ(std::filesystem::file_size(seen->path), 16U << 20U);
  EXPECT_THAT(storage_.owned_by("local", Vmid{9000}, stop_).value(), Contains(*made));

  ASSERT_TRUE(storage_.release(*made, stop_));
  EXPECT_FALSE(std::filesystem::exists(seen->path));
  ASSERT_TRUE(storage_.release(*made, stop_));
  EXPECT_EQ(storage_.inspect(*made, stop_).error().code, Code::not_found);
}

TEST_F(ServicesTest, ATaskBearsTheClientsUser) {
  EXPECT_EQ(client_->user().find('='), std::string::npos) << "the token's secret";
  ASSERT_TRUE(storage_.allocate("local", Vmid{9000}, "vm-9000-a.raw", 1, "raw", stop_));
  const auto begun = client_->del(
      "/nodes/" + client_->node() + "/storage/local/content/local:9000%2Fvm-9000-a.raw", {}, stop_);
  ASSERT_TRUE(begun) << begun.error().message;
  const auto task = Upid::parse(begun->string_or(""));
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(task->user, client_->user());
  EXPECT_TRUE(tasks_.wait(*task, std::chrono::seconds(20), stop_));
}

TEST_F(ServicesTest, AVolumeOfTheSameNameIsAConflict) {
  ASSERT_TRUE(storage_.allocate("local", Vmid{9000}, "vm-9000-a.raw", 1, "raw", stop_));
  const auto again = storage_.allocate("local", Vmid{9000}, "vm-9000-a.raw", 1, "raw", stop_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
}

TEST_F(ServicesTest, AnUnknownStorageIsNamedWithThoseThereAre) {
  EXPECT_EQ(storage_.find("local", stop_).value().type, "dir");
  const auto missing = storage_.find("fast", stop_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("it has local"));
}

TEST_F(ServicesTest, ABridgeMustBeActive) {
  EXPECT_TRUE(network_.require_bridge("vmbr0", stop_));
  const auto missing = network_.require_bridge("vmbr9", stop_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("it has vmbr0"));
}

TEST_F(ServicesTest, ATaskThatFailsTellsWhyWithTheEndOfItsLog) {
  // Starting a guest that is not there is taken by the API; only its task fails.
  const auto started = guests_.start(Vmid{4242}, stop_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::not_found);
  EXPECT_THAT(started.error().message, HasSubstr("4242"));
}

TEST_F(ServicesTest, RemovingAGuestThatIsNotThereIsSuccess) {
  EXPECT_TRUE(guests_.remove(Vmid{4242}, false, stop_));
}

TEST_F(ServicesTest, AStopAbortsTheTaskThatIsWaitedFor) {
  stop_.request();
  const system::Stop never;
  const json::Value answer = client_->post("/nodes/pve1/lxc/4242/status/start", {}, never).value();
  const auto waited = tasks_.wait(answer, std::chrono::seconds(30), stop_);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::cancelled);
  EXPECT_THAT(waited.error().message, HasSubstr("aborted"));
}

TEST_F(ServicesTest, ATaskGoesOnWhenTheAgentEndsThatWaitsForIt) {
  stop_.request(system::Stop::Why::process_ends);
  const system::Stop never;
  const json::Value answer = client_->post("/nodes/pve1/lxc/4242/status/start", {}, never).value();
  const auto waited = tasks_.wait(answer, std::chrono::seconds(30), stop_);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::cancelled);
  EXPECT_THAT(waited.error().message, HasSubstr("goes on"));
  // Its own end, and no abort, which would be "received interrupt".
  const auto ended = tasks_.wait(answer, std::chrono::seconds(30), never);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::not_found) << ended.error().message;
}

TEST_F(ServicesTest, OfATaskOfThisHostIsToldHowFarItIs) {
  system::Child process = system::Child::start({"sleep", "1000"}).value();
  const Upid upid{"pve1",
                  static_cast<std::uint32_t>(process.pid()),
                  system::start_time_of(process.pid()).value(),
                  1,
                  "vzdump",
                  "100",
                  "root@pam!drover"};
  const std::filesystem::path file = node_.folder() / "tasks" / upid.str();
  std::ofstream log(file.native() + ".log");
  log << "INFO: starting new backup job\n" << std::flush;
  std::vector<TaskProgress> told;
  const TaskWatch watch(
      [&](const TaskProgress& progress) {
        told.push_back(progress);
        if (told.size() == 1) {
          log << "INFO:  34% (1 of 3 GiB)\nTASK OK\n" << std::flush;
        } else {
          std::ofstream(file.native() + ".status") << "OK";
          process.signal(SIGKILL);
        }
      },
      std::chrono::milliseconds(20));
  EXPECT_TRUE(tasks_.wait(upid, std::chrono::seconds(60), stop_));
  EXPECT_THAT(told,
              testing::ElementsAre(TaskProgress{"vzdump", {}, "INFO: starting new backup job"},
                                   TaskProgress{"vzdump", 34, "INFO:  34% (1 of 3 GiB)"}));
  EXPECT_TRUE(process.wait(stop_));
}

// A list has 50 rows unless it is asked for more.
TEST_F(ServicesTest, AllTasksThatRunAreSeenHoweverManyThereAre) {
  const system::UniqueFd lock(
      open((node_.folder() / "storage.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);  // every task waits for it
  std::set<std::string> begun;
  while (begun.size() < 55) {
    const auto answer =
        client_->del("/nodes/pve1/storage/local/content/local:9000/vm-9000-x.raw", {}, stop_);
    ASSERT_TRUE(answer) << answer.error().message;
    begun.emplace(answer->string_or(""));
  }
  const std::vector<Upid> running = tasks_.running(stop_).value();
  std::set<std::string> seen;
  for (const Upid& upid : running) {
    seen.insert(upid.str());
  }
  ASSERT_EQ(flock(lock.get(), LOCK_UN), 0);
  EXPECT_EQ(seen, begun);
  for (const std::string& upid : begun) {
    EXPECT_TRUE(tasks_.wait(Upid::parse(upid).value(), std::chrono::seconds(60), stop_));
  }
}

TEST_F(ServicesTest, ATaskThatOthersMayHaveBegunIsLeftToItself) {
  stop_.request();
  const system::Stop never;
  const json::Value answer = client_->post("/nodes/pve1/lxc/4242/status/start", {}, never).value();
  const Upid upid = Upid::parse(answer.string_or("")).value();
  const auto waited = tasks_.wait(upid, std::chrono::seconds(30), stop_, Tasks::GivenUp::left);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, Code::cancelled);
  EXPECT_THAT(waited.error().message, Not(HasSubstr("abort")));
}

}  // namespace
}  // namespace drover::proxmox
