// NodeFixture: a whole node in a test, with a runtime in memory and everything else real: journal,
// workers, folders, mounts and network namespaces, in namespaces of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/jobs/intake.h"
#include "agent/jobs/reconcile/observer.h"
#include "agent/jobs/verbs/verbs.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_runtime.h"
#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/volumes/local_images.h"
#include "runtimes/volumes/local_volumes.h"

namespace drover::jobs {

class NodeFixture : public testing::Test {
 protected:
  struct Answer {
    std::string kind;
    json::Value body;
  };

  void SetUp() override;
  void TearDown() override;

  void start_agent(std::size_t most_waiting = 100);
  /// What its supervisor does with jobs; the loop and the books are there.
  virtual Supervisor::Deeds deeds();
  virtual void end_agent();

  /// The agent ends, and another goes on with its jobs.
  void restart_agent();

  json::Object run_job(const std::string& id, const std::string& name);
  /// The same with a volume "data" of its own at /data.
  static json::Object with_volume(json::Object request);
  json::Object job(const std::string& id, const std::string& verb, const std::string& target,
                   json::Object options = {});
  /// What the intake answers; the turn's commit is done by then.
  Answer submit_text(const std::string& body);
  Answer submit(const json::Object& request) { return submit_text(json::write(request)); }
  /// Sends a job and comes back when the runtime holds its call of `verb` there.
  void submit_held(const json::Object& request, const std::string& verb,
                   fakes::FakeRuntime::Hold where);
  /// The same until the test lets it go (FakeRuntime::let_go), whatever becomes of the job.
  void submit_paused(const json::Object& request, const std::string& verb,
                     fakes::FakeRuntime::Hold where);
  /// The journal's row once the job has ended.
  JobRow await(const std::string& id);
  JobRow run(const json::Object& request);
  std::vector<std::string> told(const std::string& kind, const std::string& object) const;
  bool leaves_nothing(const std::string& name);

  fakes::TempFolder folder_;
  Config config_;
  runtimes::Layout layout_;
  std::filesystem::path root_;
  fakes::FakeClock clock_;
  fakes::FakeRuntime runtime_;
  std::unique_ptr<runtimes::LocalVolumes> volumes_;
  std::unique_ptr<runtimes::LocalImages> volume_images_;
  std::unique_ptr<runtimes::Networks> networks_;
  std::unique_ptr<runtimes::ImageStore> images_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Books> books_;
  std::unique_ptr<system::Loop> loop_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<DiskWatch> disk_;
  std::unique_ptr<Intake> intake_;
  std::vector<Event> published_;
  std::uint64_t reserve_ = 0;  // bytes of the disk; these three from the next start_agent on
  std::size_t most_bytes_ = std::size_t{64} << 20;
  std::size_t workers_ = 2;
  std::function<void(const Event&)> react_;  // to each event, once it is committed

 private:
  void submit_until_held(const json::Object& request);
};

}  // namespace drover::jobs
