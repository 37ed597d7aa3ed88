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

  void SetUp() override {
    layout_.state = folder_.path() / "state";
    layout_.run = folder_.path() / "run";
    std::filesystem::create_directories(layout_.containers());
    root_ = folder_.path() / "root";
    std::filesystem::create_directories(root_);
    node_ = std::make_unique<Node>(
        Node{"pve1",
             config_,
             layout_,
             {{RuntimeKind::runc, &runtime_}},
             *(volumes_ = std::make_unique<runtimes::LocalVolumes>(layout_)),
             *(volume_images_ = std::make_unique<runtimes::LocalImages>(layout_)),
             nullptr,
             nullptr,
             *(networks_ = std::make_unique<runtimes::Networks>(
                   layout_, runtimes::NetworkOptions{{"/usr/lib/cni"}, {}})),
             *(images_ = std::make_unique<runtimes::ImageStore>(layout_))});
    start_agent();
  }
  void TearDown() override { end_agent(); }

  void start_agent(std::size_t most_waiting = 100) {
    journal_ = Journal::open(layout_.journal(), clock_).value();
    books_ = std::make_unique<Books>(*journal_, [this](const std::vector<Event>& events) {
      published_.insert(published_.end(), events.begin(), events.end());
      if (react_) {
        for (const Event& event : events) {
          react_(event);
        }
      }
    });
    loop_ = std::make_unique<system::Loop>(clock_);
    loop_->watch(books_->fd(), EPOLLIN, [this](std::uint32_t) { books_->serve(); });
    loop_->at_turn_end([this] { books_->commit(); });
    supervisor_ = std::make_unique<Supervisor>(
        *loop_, *books_, clock_, 2,
        Supervisor::Deeds{[this](Work& work) { return do_job(work, *node_); },
                          [this](Work& work, const Error&) { return undo_job(work, *node_); }});
    disk_ = std::make_unique<DiskWatch>(*loop_, *books_, clock_,
                                        DiskWatch::Options{node_->name, layout_.state, reserve_});
    EXPECT_TRUE(disk_->start());
    intake_ = std::make_unique<Intake>(*books_, *supervisor_, *node_, clock_, *disk_,
                                       Intake::Queue{most_waiting, most_bytes_});
  }
  void end_agent() {
    books_->close();
    intake_.reset();
    disk_.reset();
    supervisor_.reset();
    books_.reset();
    loop_.reset();
    journal_.reset();
  }

  /// The agent ends, and another goes on with its jobs.
  void restart_agent() {
    end_agent();
    start_agent();
    EXPECT_TRUE(intake_->resume());
  }

  json::Object run_job(const std::string& id, const std::string& name) {
    return {{"id", id},
            {"verb", "container.run"},
            {"target", name},
            {"spec", json::Object{{"runtime", "runc"}, {"rootfs", root_.native()}}}};
  }
  json::Object job(const std::string& id, const std::string& verb, const std::string& target,
                   json::Object options = {}) {
    json::Object request{{"id", id}, {"verb", verb}, {"target", target}};
    if (!options.empty()) {
      request.set("options", std::move(options));
    }
    return request;
  }
  /// What the intake answers; the turn's commit is done by then.
  Answer submit_text(const std::string& body) {
    Answer answer;
    intake_->submit(body, [&](std::string_view kind, const std::string& text) {
      answer = {std::string(kind), json::parse(text).value()};
    });
    books_->commit();
    return answer;
  }
  Answer submit(const json::Object& request) { return submit_text(json::write(request)); }
  /// The journal's row once the job has ended.
  JobRow await(const std::string& id) {
    for (;;) {
      const auto row = journal_->job(id).value();
      if (row && is_final(row->state) && !journal_->dirty()) {
        return *row;
      }
      loop_->turn(std::chrono::seconds(60));
    }
  }
  JobRow run(const json::Object& request) {
    const Answer answer = submit(request);
    EXPECT_EQ(answer.kind, "job.accepted") << json::write(answer.body);
    return await(std::string(request.find("id")->string_or("")));
  }
  std::vector<std::string> told(const std::string& kind, const std::string& object) const {
    std::vector<std::string> what;
    for (const Event& event : published_) {
      if (event.kind == kind && event.object == object) {
        what.push_back(event.what);
      }
    }
    return what;
  }
  bool leaves_nothing(const std::string& name) {
    return !runtime_.has(name) && !std::filesystem::exists(layout_.containers() / name) &&
           !std::filesystem::exists("/run/netns/drover-" + name) &&
           (!std::filesystem::exists(layout_.local_volumes()) ||
            std::filesystem::is_empty(layout_.local_volumes())) &&
           !journal_->container(name).value();
  }

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
  std::uint64_t reserve_ = 0;  // bytes of the disk; these two from the next start_agent on
  std::size_t most_bytes_ = std::size_t{64} << 20;
  std::function<void(const Event&)> react_;  // to each event, once it is committed
};

}  // namespace drover::jobs
