#include "runtimes/guest/guest_runtime.h"

#include <gmock/gmock.h>

#include <csignal>

#include "guest_fixture.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GuestRuntimeTest : public GuestFixture {};

TEST_F(GuestRuntimeTest, ACreatedGuestHasWhatTheSpecSays) {
  create();
  const json::Object& config = guest().config;
  const auto text = [&](const char* key) {
    const json::Value* value = config.find(key);
    return value == nullptr ? "" : std::string(value->string_or(""));
  };
  EXPECT_EQ(text("hostname"), "web-1");
  EXPECT_EQ(text("rootfs"), "local:0.5");
  EXPECT_EQ(text("net0"), "name=eth0,bridge=vmbr0,ip=dhcp");
  EXPECT_EQ(text("unprivileged"), "1");
  EXPECT_EQ(text("tags"), "drover;job-+job-1");
  EXPECT_FALSE(guest().running);
  EXPECT_EQ(status(), Status::created);
}

TEST_F(GuestRuntimeTest, TellsItsNumberInterfacesAndVolumes) {
  Container wish = container("web-2", "Job-2");
  wish.spec.volumes = {{"data", "/data", "local", 64, false},
                       {"gone", "/gone", "local", 64, false}};
  wish.spec.networks = {{"eth0", "vmbr0", "192.0.2.9/24", "192.0.2.1", 0},
                        {"eth1", "vmbr1", "", "", 0}};
  const auto created = runtime_.create(wish, stop_);
  ASSERT_TRUE(created) << to_text(created.error());
  // As Proxmox writes it down.
  json::Object& config = guest().config;
  config.set(
      "net0",
      "name=eth0,bridge=vmbr0,gw=192.0.2.1,hwaddr=BC:24:11:00:00:01,ip=192.0.2.9/24,type=veth");
  config.set("mp0", "local:5000/vm-5000-disk-1.raw,mp=/data,size=64M");
  config.erase("mp1");
  const auto provided = runtime_.provided(wish, stop_);
  ASSERT_TRUE(provided) << to_text(provided.error());
  EXPECT_EQ(provided->vmid->value, 5000U);
  ASSERT_EQ(provided->interfaces.size(), 2U);
  EXPECT_EQ(json::write(to_json(provided->interfaces[0])),
            json::write(to_json(Attachment{"eth0", "veth5000i0", "vmbr0", "192.0.2.9/24",
                                           "192.0.2.1", "BC:24:11:00:00:01"})));
  EXPECT_EQ(provided->interfaces[1].bridge, "vmbr1");
  EXPECT_EQ(provided->interfaces[1].address, "") << "DHCP gives it one";
  ASSERT_EQ(provided->volumes.size(), 1U);
  EXPECT_EQ(provided->volumes[0].id, "local:5000/vm-5000-disk-1.raw");
  EXPECT_EQ(provided->volumes[0].storage, "local");
  EXPECT_TRUE(volume_from_json(to_json(provided->volumes[0])));
}

TEST_F(GuestRuntimeTest, IsFoundWhereItsNumberSaysAndElsewhere) {
  create();
  Container known = web_;
  known.vmid = Vmid{5000};
  EXPECT_EQ(runtime_.state(known, stop_).value().status, Status::created);
  known.vmid = Vmid{5001};
  EXPECT_EQ(runtime_.state(known, stop_).value().status, Status::created) << "no guest has that";
  api_.guests[5001].config = json::Object{{"hostname", "other"}, {"tags", "prod"}};
  EXPECT_EQ(runtime_.state(known, stop_).value().status, Status::created) << "another's has that";
}

TEST_F(GuestRuntimeTest, GoesThroughItsLife) {
  create();
  ASSERT_TRUE(runtime_.start(web_, stop_));
  EXPECT_EQ(status(), Status::running);
  EXPECT_EQ(runtime_.start(web_, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.remove(web_, false, stop_).error().code, Code::conflict);
  const auto exit = runtime_.stop(web_, SIGTERM, std::chrono::seconds(10), stop_);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, std::nullopt);
  EXPECT_EQ(status(), Status::stopped);
  ASSERT_TRUE(runtime_.start(web_, stop_));
  ASSERT_TRUE(runtime_.stop(web_, SIGKILL, std::chrono::seconds(0), stop_));
  ASSERT_TRUE(runtime_.remove(web_, false, stop_));
  EXPECT_TRUE(api_.guests.empty());
  EXPECT_TRUE(runtime_.remove(web_, false, stop_));
  EXPECT_EQ(runtime_.state(web_, stop_).error().code, Code::not_found);
}

TEST_F(GuestRuntimeTest, AVerbAsksForNoMoreThanItNeeds) {
  const auto asked = [this](const Result<>& done) {
    EXPECT_TRUE(done) << to_text(done.error());
    for (std::string& request : api_.requests) {
      // Asking again for how a task goes depends on how long it takes.
      const std::size_t upid = request.find("UPID");
      request = upid == std::string::npos ? request : request.substr(0, upid) + "UPID";
    }
    return std::exchange(api_.requests, {});
  };
  const std::string guest = "/nodes/pve1/lxc/5000";
  const std::string task = "GET /nodes/pve1/tasks/UPID";
  EXPECT_THAT(asked(runtime_.create(web_, stop_)),
              ElementsAre("GET /nodes/pve1/lxc", "POST /nodes/pve1/lxc", task));
  Container web = web_;
  web.vmid = Vmid{5000};
  EXPECT_THAT(asked(runtime_.start(web, stop_)),
              ElementsAre("GET " + guest + "/status/current", "GET " + guest + "/config",
                          "PUT " + guest + "/config", "POST " + guest + "/status/start", task));
  EXPECT_THAT(
      asked(runtime_.kill(web, SIGKILL, stop_)),
      ElementsAre("GET " + guest + "/status/current", "POST " + guest + "/status/stop", task));
  EXPECT_THAT(asked(runtime_.remove(web, false, stop_)),
              ElementsAre("GET " + guest + "/status/current", "DELETE " + guest, task));
}

TEST_F(GuestRuntimeTest, StopRefusesASignalThatProxmoxWouldNotSend) {
  create();
  EXPECT_EQ(runtime_.stop(web_, SIGINT, std::chrono::seconds(1), stop_).error().code,
            Code::refused);
}

TEST_F(GuestRuntimeTest, OneOfTheSameNameIsAConflict) {
  create();
  const auto again = runtime_.create(container("web-1", "other"), stop_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_THAT(again.error().message, HasSubstr("guest 5000 of job Job-1"));
  EXPECT_EQ(api_.guests.size(), 1U);
}

TEST_F(GuestRuntimeTest, AnothersGuestOfTheSameNameIsNoneOfOurs) {
  api_.guests[5000].config = json::Object{{"hostname", "web-1"}, {"tags", "prod;job-+job-1"}};
  api_.guests[5000].running = true;
  EXPECT_EQ(runtime_.state(web_, stop_).error().code, Code::not_found);
  EXPECT_TRUE(runtime_.remove(web_, true, stop_));
  EXPECT_EQ(runtime_.stop(web_, SIGKILL, {}, stop_).error().code, Code::not_found);
  create();
  EXPECT_EQ(api_.guests.size(), 2U);
  EXPECT_EQ(api_.guests.at(5001).config.find("hostname")->string_or(""), "web-1");
}

TEST_F(GuestRuntimeTest, AKnownNumberIsNotTrustedWithoutItsTags) {
  create();
  Container with_number = web_;
  with_number.vmid = Vmid{5000};
  EXPECT_TRUE(runtime_.state(with_number, stop_));
  guest().config.set("tags", "job-+job-1");
  EXPECT_EQ(runtime_.state(with_number, stop_).error().code, Code::not_found);
  EXPECT_TRUE(runtime_.remove(with_number, true, stop_));
  EXPECT_EQ(api_.guests.size(), 1U);
  with_number.vmid = Vmid{5001};
  EXPECT_EQ(runtime_.state(with_number, stop_).error().code, Code::not_found);
}

TEST_F(GuestRuntimeTest, AGuestOfAnotherJobIsNotFound) {
  create();
  EXPECT_EQ(runtime_.state(container("web-1", "other"), stop_).error().code, Code::not_found);
}

TEST_F(GuestRuntimeTest, AHostnameOfItsOwnDoesNotHideTheName) {
  Container named = web_;
  named.spec.hostname = "www";
  ASSERT_TRUE(runtime_.create(named, stop_));
  EXPECT_EQ(guest().config.find("hostname")->string_or(""), "www");
  EXPECT_TRUE(runtime_.state(named, stop_));
  EXPECT_EQ(runtime_.inventory(stop_).value().at(0).name, "web-1");
}

TEST_F(GuestRuntimeTest, ATemplateOfNoKnownDistributionIsUnmanaged) {
  api_.fail_task("vzcreate", "unable to create CT 5000 - unable to detect OS distribution");
  create();
  EXPECT_EQ(guest().config.find("ostype")->string_or(""), "unmanaged");
}

TEST_F(GuestRuntimeTest, AFailedCreateLeavesNothing) {
  api_.fail_task("vzcreate", "unable to create CT 5000 - no space left");
  const auto created = runtime_.create(web_, stop_);
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("no space left"));
  EXPECT_TRUE(api_.guests.empty());
}

TEST_F(GuestRuntimeTest, ACreateThatHadEndedBeforeTheAgentDidIsNotDoneTwice) {
  create();
  ASSERT_TRUE(runtime_.settle(web_, stop_));
  ASSERT_TRUE(runtime_.create(web_, stop_));
  EXPECT_EQ(api_.guests.size(), 1U);
}

TEST_F(GuestRuntimeTest, ACreateThatAnEarlierAgentHasLeftIsAwaited) {
  create();
  const auto made = api_.guests.extract(5000);
  // Until it has ended the guest has no tags that tell whose it is.
  api_.begin_task("vzcreate", "5000", [&] { api_.guests.emplace(5000, made.mapped()); });
  ASSERT_TRUE(runtime_.settle(web_, stop_));
  ASSERT_TRUE(runtime_.create(web_, stop_));
  EXPECT_EQ(api_.guests.size(), 1U);
}

TEST_F(GuestRuntimeTest, TasksOfOthersAreNotAwaited) {
  create();
  const auto never = [] { ADD_FAILURE() << "asked for"; };
  // Of the same guest as well: one that is waited for is aborted when the agent ends.
  for (const char* admin : {"root@pam", "root@pam!backup", "root@pam!agent2"}) {
    for (const char* type : {"vzdump", "vzstart", "vzshutdown"}) {
      api_.begin_task(type, "5000", never, admin);
    }
  }
  api_.begin_task("vzdump", "5000", never);
  api_.begin_task("vzstart", "100", never);
  EXPECT_TRUE(runtime_.settle(web_, stop_));
  api_.guests.clear();
  api_.begin_task("vzcreate", "100", never);
  EXPECT_TRUE(runtime_.settle(web_, stop_));
}

TEST_F(GuestRuntimeTest, TheSpecIsCheckedBeforeAnythingIsAsked) {
  Container bad = web_;
  bad.spec.command = {"sh"};
  EXPECT_EQ(runtime_.accepts(bad.spec).error().code, Code::refused);
  EXPECT_EQ(runtime_.create(bad, stop_).error().code, Code::refused);
  EXPECT_TRUE(api_.requests.empty());
  EXPECT_TRUE(runtime_.accepts(web_.spec));
}

TEST_F(GuestRuntimeTest, AStartKeepsTheTagsThatAnAdminHasSet) {
  create();
  guest().config.set("tags", "prod;drover;job-+job-1");
  ASSERT_TRUE(runtime_.start(web_, stop_));
  EXPECT_EQ(guest().config.find("tags")->string_or(""), "prod;drover;job-+job-1;started");
}

TEST_F(GuestRuntimeTest, AConfigurationChangedMeanwhileIsReadAnew) {
  create();
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config",
                 Error{Code::conflict, "detected modified configuration", {}});
  ASSERT_TRUE(runtime_.start(web_, stop_));
  EXPECT_EQ(status(), Status::running);
}

TEST_F(GuestRuntimeTest, AFailedStartIsTold) {
  create();
  api_.fail_task("vzstart", "bridge 'vmbr99' does not exist");
  const auto started = runtime_.start(web_, stop_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("bridge 'vmbr99' does not exist"));
  EXPECT_FALSE(guest().running);
}

TEST_F(GuestRuntimeTest, AStartThatFailedBeforeTheAgentEndedIsNoStart) {
  create();
  api_.fail_task("vzstart", "bridge 'vmbr99' does not exist");
  ASSERT_FALSE(runtime_.start(web_, stop_));
  EXPECT_EQ(status(), Status::stopped);
  ASSERT_TRUE(runtime_.settle(web_, stop_));
  EXPECT_EQ(status(), Status::created);
  ASSERT_TRUE(runtime_.start(web_, stop_));
  ASSERT_TRUE(runtime_.stop(web_, SIGKILL, {}, stop_));
  ASSERT_TRUE(runtime_.settle(web_, stop_));
  EXPECT_EQ(status(), Status::stopped);
}

TEST_F(GuestRuntimeTest, AGuestThatAnAdminIsStartingIsNotTakenForOneThatNeverRan) {
  create();
  api_.fail_task("vzstart", "bridge 'vmbr99' does not exist");
  ASSERT_FALSE(runtime_.start(web_, stop_));
  api_.begin_task(
      "vzstart", "5000", [] {}, "root@pam");
  ASSERT_TRUE(runtime_.settle(web_, stop_));
  EXPECT_THAT(guest().config.find("tags")->string_or(""), HasSubstr("started"));
}

TEST_F(GuestRuntimeTest, AGuestUnderCreationIsCreating) {
  create();
  guest().config.set("lock", "create");
  EXPECT_EQ(status(), Status::creating);
  EXPECT_EQ(runtime_.start(web_, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.remove(web_, false, stop_).error().code, Code::conflict);
}

TEST_F(GuestRuntimeTest, AStoppedOneCannotBeSignalledPausedResumedOrEntered) {
  create();
  EXPECT_EQ(runtime_.kill(web_, SIGTERM, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.kill(web_, SIGKILL, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.pause(web_, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.resume(web_, stop_).error().code, Code::conflict);
  EXPECT_EQ(runtime_.exec(web_, {{"id"}, {}, "", ""}, nullptr, nullptr, stop_).error().code,
            Code::conflict);
}

TEST_F(GuestRuntimeTest, KillTakesSignalsAndNothingElse) {
  create();
  ASSERT_TRUE(runtime_.start(web_, stop_));
  for (const int signal : {0, -9, 65}) {
    EXPECT_EQ(runtime_.kill(web_, signal, stop_).error().code, Code::invalid);
  }
  // LXC here does not know the guest, so nobody can tell its init.
  EXPECT_EQ(runtime_.kill(web_, SIGHUP, stop_).error().code, Code::unavailable);
  ASSERT_TRUE(runtime_.kill(web_, SIGKILL, stop_));
  EXPECT_FALSE(guest().running);
}

TEST_F(GuestRuntimeTest, ResumeIsLegalFromPausedOnly) {
  create();
  ASSERT_TRUE(runtime_.start(web_, stop_));
  EXPECT_EQ(runtime_.resume(web_, stop_).error().code, Code::conflict);
}

TEST_F(GuestRuntimeTest, TheInventoryTellsOursFromOthers) {
  create();
  api_.guests[100].config = json::Object{{"hostname", "db"}};
  api_.guests[100].running = true;
  const auto all = runtime_.inventory(stop_);
  ASSERT_TRUE(all) << to_text(all.error());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, "db");
  EXPECT_EQ(all->at(0).job, "");
  EXPECT_EQ(all->at(0).state.status, Status::running);
  EXPECT_EQ(all->at(1).name, "web-1");
  EXPECT_EQ(all->at(1).job, "Job-1");
  EXPECT_EQ(all->at(1).state.status, Status::created);
}

TEST_F(GuestRuntimeTest, AForcedRemoveEndsARunningGuest) {
  create();
  ASSERT_TRUE(runtime_.start(web_, stop_));
  ASSERT_TRUE(runtime_.remove(web_, true, stop_));
  EXPECT_TRUE(api_.guests.empty());
}

TEST_F(GuestRuntimeTest, EveryNumberTakenIsUnavailable) {
  for (const std::uint32_t vmid : {5000U, 5001U, 5002U}) {
    api_.guests[vmid].config = json::Object{{"hostname", "x" + std::to_string(vmid)}};
  }
  EXPECT_EQ(runtime_.create(web_, stop_).error().code, Code::unavailable);
  EXPECT_EQ(api_.guests.size(), 3U);
}

TEST_F(GuestRuntimeTest, AStopEndsEveryVerb) {
  create();
  stop_.request();
  EXPECT_EQ(runtime_.create(container("b", "j"), stop_).error().code, Code::cancelled);
  EXPECT_EQ(runtime_.start(web_, stop_).error().code, Code::cancelled);
  EXPECT_EQ(runtime_.state(web_, stop_).error().code, Code::cancelled);
  EXPECT_EQ(runtime_.remove(web_, true, stop_).error().code, Code::cancelled);
  EXPECT_EQ(runtime_.inventory(stop_).error().code, Code::cancelled);
  EXPECT_EQ(api_.guests.size(), 1U);
}

TEST_F(GuestRuntimeTest, SaysWhatItCan) {
  const Capabilities can = runtime_.capabilities();
  EXPECT_TRUE(can.restartable);
  EXPECT_TRUE(can.provisions_itself);
  EXPECT_FALSE(runtime_.keeps_output());
  EXPECT_FALSE(can.knows_exit_code);
  EXPECT_EQ(runtime_.kind(), RuntimeKind::pve_lxc);
}

TEST_F(GuestRuntimeTest, LimitsAreChangedAndTakenBackInItsConfiguration) {
  create();
  const auto text = [&](const char* key) {
    const json::Value* value = guest().config.find(key);
    return value == nullptr ? "" : std::string(value->string_or(""));
  };
  const auto updated = runtime_.update(web_, {256, 1.5, 0}, stop_);
  ASSERT_TRUE(updated) << to_text(updated.error());
  EXPECT_EQ(text("memory"), "256");
  EXPECT_EQ(text("cores"), "2");
  EXPECT_EQ(text("cpulimit"), "1.50");
  ASSERT_TRUE(runtime_.update(web_, {512, 0, 0}, stop_));
  EXPECT_EQ(text("memory"), "512");
  EXPECT_EQ(text("cores"), "");
  EXPECT_EQ(text("tags"), "drover;job-+job-1");
  EXPECT_EQ(runtime_.update(web_, {0, 0, 100}, stop_).error().code, Code::refused);
  EXPECT_EQ(runtime_.update(container("web-2", "Job-1"), {64, 0, 0}, stop_).error().code,
            Code::not_found);
}

}  // namespace
}  // namespace drover::runtimes
