// No more jobs change a storage of Proxmox at once than its lock bears, whatever they do there.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "node_fixture.h"

namespace drover::jobs {
namespace {

constexpr int kMost = 4;

/// Folders, as if each took long to make and to free: all who have come are held until `open`.
class SlowVolumes : public runtimes::VolumeSource {
 public:
  explicit SlowVolumes(runtimes::VolumeSource& real) : real_(real) {}

  Result<runtimes::Volume> allocate(const ContainerName& container, const JobId& job,
                                    const VolumeSpec& spec, const system::Stop& stop) override {
    const Inside inside(*this);
    return real_.allocate(container, job, spec, stop);
  }
  Result<runtimes::Volume> find(const ContainerName& container, const JobId& job,
                                const VolumeSpec& spec, const system::Stop& stop) override {
    return real_.find(container, job, spec, stop);
  }
  Result<std::uint64_t> grow(const runtimes::Volume& volume, std::uint64_t size_mib,
                             const system::Stop& stop) override {
    return real_.grow(volume, size_mib, stop);
  }
  Result<> release(const runtimes::Volume& volume, const system::Stop& stop) override {
    const Inside inside(*this);
    return real_.release(volume, stop);
  }
  Result<runtimes::FoundVolumes> inventory(const system::Stop& stop) override {
    return real_.inventory(stop);
  }
  Result<> release_found(const runtimes::FoundVolume& found, const system::Stop& stop) override {
    return real_.release_found(found, stop);
  }

  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    most_ = 0;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  /// How many were inside at once, since the last `close`.
  int most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  class Inside {
   public:
    explicit Inside(SlowVolumes& all) : all_(all) {
      std::unique_lock lock(all_.mutex_);
      all_.most_ = std::max(all_.most_, ++all_.inside_);
      all_.changed_.wait(lock, [this] { return all_.open_; });
    }
    ~Inside() {
      const std::lock_guard lock(all_.mutex_);
      --all_.inside_;
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    SlowVolumes& all_;
  };

  runtimes::VolumeSource& real_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool open_ = false;
  int inside_ = 0;
  int most_ = 0;
};

class StorageTurnsTest : public NodeFixture {
 protected:
  void SetUp() override {
    workers_ = 6;
    NodeFixture::SetUp();
    slow_ = std::make_unique<SlowVolumes>(*volumes_);
    node_->proxmox_volumes = slow_.get();
  }

  static std::string name(int number) { return "web-" + std::to_string(number); }

  json::Object run_with_volume(const std::string& id, const std::string& container) {
    json::Object request = run_job(id, container);
    request.find("spec")->object()->set(
        "volumes",
        json::Array{json::Object{
            {"name", "data"}, {"target", "/data"}, {"storage", "pve"}, {"size_mib", 8}}});
    return request;
  }

  /// Sends one job for each of six containers, all of which come to the storage at once, and
  /// returns the states they end in.
  std::vector<JobState> crowd(const std::string& prefix,
                              const std::function<json::Object(const std::string&, int)>& job) {
    slow_->close();
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(submit(job(prefix + std::to_string(i), i)).kind, "job.accepted");
    }
    while (waiting(prefix) < 6 - kMost || slow_->most() < kMost) {
      loop_->turn(std::chrono::milliseconds(10));
    }
    slow_->open();
    std::vector<JobState> states;
    for (int i = 0; i < 6; ++i) {
      states.push_back(await(prefix + std::to_string(i)).state);
    }
    EXPECT_EQ(slow_->most(), kMost);
    return states;
  }

  /// How many jobs have told that they wait for the storage.
  int waiting(const std::string& prefix) {
    int found = 0;
    for (const Event& event : published_) {
      if (event.what == "waiting" && event.object.starts_with(prefix)) {
        EXPECT_EQ(json::Value(event.data).at("for").string_or(""), "storage pve");
        ++found;
      }
    }
    return found;
  }

  std::unique_ptr<SlowVolumes> slow_;
};

TEST_F(StorageTurnsTest, MakingAndDeletingTakeTheirTurns) {
  EXPECT_THAT(
      crowd("make", [&](const std::string& id, int i) { return run_with_volume(id, name(i)); }),
      testing::Each(JobState::succeeded));
  EXPECT_THAT(crowd("free",
                    [&](const std::string& id, int i) {
                      return job(id, "container.delete", name(i), {{"force", true}});
                    }),
              testing::Each(JobState::succeeded));
}

TEST_F(StorageTurnsTest, AGuestsDiskGrowsWithoutATurnOfTheStorage) {
  const runtimes::Capabilities usual = runtime_.capabilities();
  const runtimes::Capabilities growing{
      .restartable = true, .provisions_itself = true, .no_growth = ""};
  runtime_.set_capabilities(growing);
  ASSERT_EQ(run(run_with_volume("g1", "grown")).state, JobState::succeeded);
  runtime_.set_capabilities(usual);
  slow_->close();
  for (int i = 0; i < kMost; ++i) {
    EXPECT_EQ(submit(run_with_volume("make" + std::to_string(i), name(i))).kind, "job.accepted");
  }
  while (slow_->most() < kMost) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  runtime_.set_capabilities(growing);
  submit(job("g2", "container.update", "grown",
             {{"volumes", json::Object{{"data", std::int64_t{64}}}}}));
  while (waiting("g2") == 0 && !is_final(journal_->job("g2").value()->state)) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(journal_->job("g2").value()->state, JobState::succeeded);
  if (waiting("g2") != 0) {
    slow_->open();  // it comes to its growth while the runtime can grow
    await("g2");
  }
  runtime_.set_capabilities(usual);
  slow_->open();
  for (int i = 0; i < kMost; ++i) {
    EXPECT_EQ(await("make" + std::to_string(i)).state, JobState::succeeded);
  }
}

}  // namespace
}  // namespace drover::jobs
