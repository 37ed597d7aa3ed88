// The runtime's snapshots and backups of a guest that does not run, against the simulator.
#include <gmock/gmock.h>

#include <fstream>

#include "fakes/sim_node.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

class GuestSnapshotsTest : public testing::Test {
 protected:
  void SetUp() override {
    node_.add_small_template();
    web_.spec.image = "local:vztmpl/small.tar.gz";
    web_.spec.resources = {64, 1.5, 0};
    const auto made = runtime_.create(web_, stop_);
    ASSERT_TRUE(made) << to_text(made.error());
  }
  Container container(const std::string& name, const std::string& job) {
    return {ContainerName::parse(name).value(),
            JobId::parse(job).value(),
            RuntimeKind::pve_lxc,
            {},
            {},
            {},
            {},
            {},
            {}};
  }
  /// To be made of a backup of web_.
  Container copy_of_backup() {
    const auto made = runtime_.backups()->make_backup(web_, {"local", "snapshot", "zstd"},
                                                      JobId::parse("j2").value(), stop_);
    EXPECT_TRUE(made) << to_text(made.error());
    Container copy = container("copy", "j3");
    copy.spec.image = made ? made->id : "";
    return copy;
  }
  Result<> take(const std::string& job) {
    return runtime_.snapshots()->take_snapshot(web_, "one", JobId::parse(job).value(), stop_);
  }
  Result<bool> has_taken(const std::string& job) {
    return runtime_.snapshots()->has_taken(web_, "one", JobId::parse(job).value(), stop_);
  }
  /// As Proxmox leaves it that was ended in the middle.
  void halve() {
    const auto file = node_.folder() / "guests/5000.json";
    json::Value config = json::parse(system::read_file(file).value()).value();
    json::Value& snapshots = *config.object()->find("snapshots");
    snapshots.object()->find("one")->object()->set("snapstate", "prepare");
    config.object()->set("lock", "snapshot");
    std::ofstream(file) << json::write(config);
  }

  fakes::SimNode node_{std::vector<std::string>{"--storage", "fast:btrfs"}};
  std::unique_ptr<proxmox::Client> client_ = node_.client();
  system::SystemClock clock_;
  GuestRuntime runtime_{
      *client_, clock_, {"fast", 16, Vmid{5000}, Vmid{5002}, node_.folder() / "lxc", "", "fast"}};
  Stop stop_;
  Container web_ = container("web", "j1");
};

TEST_F(GuestSnapshotsTest, AreFoundByTheirJob) {
  ASSERT_TRUE(take("j2"));
  ASSERT_TRUE(take("j2")) << "this very job has taken it";
  EXPECT_TRUE(has_taken("j2").value());
  EXPECT_FALSE(has_taken("j").value());
  EXPECT_EQ(take("j3").error().code, Code::conflict);
  const auto all = runtime_.snapshots()->list_snapshots(web_, stop_).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all.at(0).newest);
  EXPECT_GT(all.at(0).taken_at, 1'700'000'000'000) << "in milliseconds";
}

TEST_F(GuestSnapshotsTest, ARollbackBringsBackTheLimitsAndEndsNothingThatDidNotRun) {
  ASSERT_TRUE(take("j2"));
  ASSERT_TRUE(runtime_.update(web_, {128, 0, 0}, stop_));
  EXPECT_EQ(runtime_.snapshots()->limits(web_, stop_).value(), (Resources{128, 0, 0}));
  const auto ended = runtime_.snapshots()->roll_back(web_, "one", stop_);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_FALSE(*ended);
  EXPECT_EQ(runtime_.snapshots()->limits(web_, stop_).value(), (Resources{64, 1.5, 0}));
  EXPECT_EQ(runtime_.state(web_, stop_).value().status, Status::created);
}

TEST_F(GuestSnapshotsTest, HalfOfOneIsNotTakenForAWholeOne) {
  ASSERT_TRUE(take("j2"));
  halve();
  const auto again = take("j2");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_THAT(again.error().message, HasSubstr("pct unlock 5000"));
  EXPECT_TRUE(has_taken("j2").value()) << "there is something to take back";
  EXPECT_TRUE(runtime_.snapshots()->list_snapshots(web_, stop_).value().empty());
}

TEST_F(GuestSnapshotsTest, ABackupIsFoundByItsJobAndDeletedWithIt) {
  const JobId job = JobId::parse("j2").value();
  const BackupWish wish{"local", "snapshot", "none"};
  const auto made = runtime_.backups()->make_backup(web_, wish, job, stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_THAT(made->id, HasSubstr("local:backup/vzdump-lxc-5000-"));
  EXPECT_EQ(runtime_.backups()->make_backup(web_, wish, job, stop_).value().id, made->id);
  const auto archive = node_.folder() / "local/dump" / made->id.substr(made->id.find('/') + 1);
  EXPECT_TRUE(std::filesystem::exists(archive));
  ASSERT_TRUE(runtime_.backups()->remove_backup(web_, "local", JobId::parse("j3").value(), stop_));
  EXPECT_TRUE(std::filesystem::exists(archive)) << "it is another job's";
  ASSERT_TRUE(runtime_.backups()->remove_backup(web_, "local", job, stop_));
  EXPECT_FALSE(std::filesystem::exists(archive));
}

TEST_F(GuestSnapshotsTest, AGuestOfABackupIsItsOwnJobsWithoutWhatItsSpecDoesNotName) {
  const proxmox::Form admins = {{"net3", "name=eth3,bridge=vmbr0,ip=dhcp"}, {"protection", "1"}};
  ASSERT_TRUE(client_->put("/nodes/pve1/lxc/5000/config", admins, stop_));
  Container copy = copy_of_backup();
  const auto restored = runtime_.create(copy, stop_);
  ASSERT_TRUE(restored) << to_text(restored.error());
  const json::Value config = client_->get("/nodes/pve1/lxc/5001/config", {}, stop_).value();
  EXPECT_TRUE(config.at("net3").is_null());
  EXPECT_TRUE(config.at("protection").is_null());
  EXPECT_EQ(config.at("tags").string_or(""), "drover;job-j3");
  const Provided provided = runtime_.provided(copy, stop_).value();
  EXPECT_EQ(provided.vmid, Vmid{5001});
  EXPECT_EQ(provided.resources, (Resources{64, 1.5, 0}));
  EXPECT_EQ(runtime_.state(copy, stop_).value().status, Status::created);
  ASSERT_TRUE(runtime_.create(copy, stop_)) << "this very job has made it";
}

TEST_F(GuestSnapshotsTest, AGuestOfABackupIsStartedByNobodyAtBootAndItsProgramHasItsNetwork) {
  const proxmox::Form admins = {{"onboot", "1"}, {"entrypoint", "/bin/app serve"}};
  ASSERT_TRUE(client_->put("/nodes/pve1/lxc/5000/config", admins, stop_));
  Container copy = copy_of_backup();
  copy.spec.networks = {{"eth0", "vmbr0", "192.0.2.9/24", "", 0}};
  for (const char* run : {"first", "again"}) {
    const auto restored = runtime_.create(copy, stop_);
    ASSERT_TRUE(restored) << run << ": " << to_text(restored.error());
    const json::Value config = client_->get("/nodes/pve1/lxc/5001/config", {}, stop_).value();
    EXPECT_EQ(config.at("entrypoint").string_or(""), "/bin/app serve");
    EXPECT_EQ(config.at("onboot").integer_or(-1), 0);
    const std::string net(config.at("net0").string_or(""));
    EXPECT_THAT(net, HasSubstr("host-managed=1"));
    EXPECT_EQ(net.find("host-managed"), net.rfind("host-managed"));
  }
}

}  // namespace
}  // namespace drover::runtimes
