// What the client makes of the answers of a real API.
#include <gmock/gmock.h>

#include <set>
#include <sstream>

#include "agent/system/clock.h"
#include "proxmox/cluster.h"
#include "proxmox/guests.h"
#include "proxmox/network.h"
#include "proxmox/storage.h"
#include "proxmox/task.h"
#include "recorded_client.h"

namespace drover::proxmox {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// What every recorded refusal means to whoever asked.
const std::map<Code, const char*> kMeant = {
    {Code::refused,
     "auth-bad-secret auth-cookie-bad auth-cookie-post-without-csrf auth-malformed-token auth-none "
     "auth-ticket-bad-password auth-ticket-with-token auth-token-colon-separator "
     "auth-unknown-token auth-unknown-user ostemplate-not-a-volid pending-hotplug-rootfs "
     "perm-config-nonexistent perm-config-put-memory perm-network-post perm-privsep-token "
     "perm-storage-content root-only-bind-mount-put root-only-dev-put root-only-keyctl-create "
     "storage-disabled-content"},
    {Code::not_found,
     "get-storage-missing get-storage-missing-content lxc-config-nonexistent-500 "
     "lxc-create-no-rootfs net-delete-missing storage-delete-again storage-get-missing "
     "task-wrong-node"},
    {Code::conflict,
     "auth-cookie-post-with-csrf digest-conflict get-nextid-taken lock-11-stop "
     "lock-5-create-again lock-6-delete lxc-create-vmid-exists lxc-locked-create-again "
     "net-create-again net-create-gw-conflict2 net-create-port-missing oci-03-registry-pull-again "
     "storage-alloc-again storage-create-again token-create-again user-create-again"},
    {Code::invalid,
     "auth-ticket-missing-param bool-no bool-off bool-on config-unknown-key delete-unknown-key "
     "form-raw-equals-sign-truncated-value get-cluster-resources-badtype get-vmid-not-int "
     "get-vmid-out-of-range http-body-500k http-description-9000 http-dup-param "
     "http-long-url http-repeat-net lxc-create-bad-types net-create-badcidr "
     "net-update-missing-type oci-04-registry-pull-bad-reference-400 oci-15-env-bad raw-lxc-key "
     "resize resize-shrink storage-alloc-bad-size storage-content-badtype storage-create-bad-type "
     "storage-create-missing-path storage-update-fixed task-bad-upid upload-bad-extension "
     "upload-field-order-filename-first upload-wrong-order"},
    {Code::unavailable, "lock-2-config-put-10s-wait"},
    {Code::timed_out, "proxy-pvedaemon-hung-596"},
    // Nobody asks so, or the text alone does not tell (Storage::inspect looks further).
    {Code::broken,
     "get-path-unknown http-body-530k http-head http-options http-patch http-plain-on-tls-port "
     "http-put-version "
     "http-wrong-method storage-volume-get-missing"},
};

TEST(RecordedAnswersTest, EveryRefusalIsReadAsWhatItMeans) {
  std::set<std::string> told;
  for (const auto& [code, names] : kMeant) {
    std::istringstream words(names);
    for (std::string name; words >> name;) {
      told.insert(name);
      const auto answer = read_answer(answer_of(recordings().at(name)), name);
      ASSERT_FALSE(answer) << name;
      EXPECT_EQ(answer.error().code, code) << answer.error().message;
    }
  }
  for (const auto& [name, recording] : recordings()) {
    const int status = answer_of(recording).status;
    EXPECT_TRUE(status == 0 || status == 200 || told.contains(name)) << name << " is not told of";
  }
}

TEST(RecordedAnswersTest, EverySuccessHasData) {
  for (const auto& [name, recording] : recordings()) {
    const json::Value* body = recording.find("body");
    if (answer_of(recording).status == 200 && body != nullptr && !body->is_null()) {
      const auto answer = read_answer(answer_of(recording), name);
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(*answer, body->at("data")) << name;
    }
  }
}

class RecordedServicesTest : public testing::Test {
 protected:
  RecordedClient client_;
  system::SystemClock clock_;
  Tasks tasks_{client_, clock_};
  Storage storage_{client_, tasks_};
  Network network_{client_};
  Guests guests_{client_, tasks_};
  Cluster cluster_{client_};
  system::Stop stop_;
};

TEST_F(RecordedServicesTest, TheVersion) {
  client_.give("get-version");
  EXPECT_EQ(cluster_.version(stop_).value(), "9.1.7");
}

TEST_F(RecordedServicesTest, AStorageThatIsDisabledIsNotActive) {
  client_.give("storage-list-after");
  const auto off = storage_.find("dir2", stop_).value();
  EXPECT_FALSE(off.active);
  EXPECT_EQ(off.available_bytes, 0U);
  EXPECT_THAT(off.content, ElementsAre("images", "rootdir", "vztmpl"));
  const auto on = storage_.find("local", stop_).value();
  EXPECT_TRUE(on.active);
  EXPECT_FALSE(on.shared);
  EXPECT_EQ(on.available_bytes, 77294780416U);
}

TEST_F(RecordedServicesTest, AVolume) {
  client_.give("storage-alloc");
  EXPECT_EQ(
      storage_.allocate("local", Vmid{100}, "vm-100-data.raw", 8, "raw", stop_).value_or("none"),
      "local:100/vm-100-data.raw");
  client_.give("storage-volume-get-encoded");
  const auto volume = storage_.inspect("local:100/vm-100-data.raw", stop_).value();
  EXPECT_EQ(volume.path, "/var/lib/vz/images/100/vm-100-data.raw");
  EXPECT_EQ(volume.format, "raw");
  EXPECT_EQ(volume.size_bytes, 8U << 20U);
}

TEST_F(RecordedServicesTest, AVolumeThatIsNotThere) {
  client_.give("GET /nodes/pve1/storage/local/content/local%3A100%2Fvm-100-nope.raw",
               "storage-volume-get-missing");
  client_.give("storage-content-rootdir");
  EXPECT_EQ(storage_.inspect("local:100/vm-100-nope.raw", stop_).error().code, Code::not_found);
  EXPECT_THAT(
      storage_.owned_by("local", Vmid{100}, stop_).value(),
      ElementsAre("local:100/other.raw", "local:100/vm-100-disk-0.raw", "local:100/vm-101-x.raw"));
}

TEST_F(RecordedServicesTest, GuestsWithTheOneThatIsBeingMade) {
  client_.give("lock-8-list");
  std::vector<std::string> seen;
  for (const GuestInfo& guest : guests_.list(stop_).value_or(std::vector<GuestInfo>{})) {
    EXPECT_FALSE(guest.running);
    seen.push_back(fmt::format("{} {} {}", guest.vmid.value, guest.hostname, guest.lock));
  }
  EXPECT_THAT(seen, ElementsAre("110 app110 ", "100 bb100 ", "122 j122 ", "125 CT125 create"));
  client_.give("lock-4-status");
  EXPECT_EQ(guests_.status(Vmid{125}, stop_).value().lock, "create");
}

TEST_F(RecordedServicesTest, AGuestThatRuns) {
  client_.give("lxc-status-after-reboot");
  const GuestInfo guest = guests_.status(Vmid{123}, stop_).value();
  EXPECT_TRUE(guest.running);
  EXPECT_EQ(guest.lock, "");
  EXPECT_THAT(guest.tags, ElementsAre("dev", "test"));
}

TEST_F(RecordedServicesTest, AStopOfAGuestThatDoesNotRunIsSuccess) {
  client_.give("lock-11-stop");
  EXPECT_TRUE(guests_.stop(Vmid{125}, stop_));
}

TEST_F(RecordedServicesTest, TasksThatRunAndTasksThatHaveEnded) {
  client_.give("lock-10-tasks-active");
  const std::vector<Upid> running = tasks_.running(stop_).value();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running.front().user, "root@pam!agent");
  EXPECT_EQ(running.front().type, "vzcreate");
  client_.give("get-tasks-errors");
  const auto ended = tasks_.ended(Vmid{110}, stop_).value();
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended.front().type, "vzshutdown");
  EXPECT_EQ(ended.front().exit, "container did not stop");
}

TEST_F(RecordedServicesTest, ATaskIsAwaitedByItsStatus) {
  const auto await = [&](const char* begun, const char* status, const char* log) {
    client_.give(begun);
    const json::Value answer = recordings().at(begun).at("body").at("data");
    const std::string task =
        "GET /nodes/pve1/tasks/" + path_segment(std::string(answer.string_or("")));
    client_.give(task + "/status", status);
    client_.give(task + "/log", log);
    return tasks_.wait(answer, std::chrono::seconds(10), stop_);
  };
  EXPECT_TRUE(await("task-any", "task-status-percent-encoded", "task-log-past-end"));
  const Result<> failed = await("lock-1-create", "task-abort-status", "task-abort-log");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("task vzcreate 125: unable to create CT 125"));
  EXPECT_THAT(failed.error().message,
              EndsWith("extracting archive '/var/lib/vz/template/cache/big_1_amd64.tar.zst'"));
  // A log has tabs, and whatever else programs print.
  EXPECT_THAT(failed.error().message, Not(Contains('\t')));
}

TEST_F(RecordedServicesTest, BridgesAndWhichOfThemTheKernelHas) {
  client_.give("net-bridges-any");
  std::vector<std::string> seen;
  for (const Bridge& bridge : network_.bridges(stop_).value_or(std::vector<Bridge>{})) {
    seen.push_back(fmt::format("{} {} {}", bridge.name, bridge.cidr, bridge.active));
  }
  EXPECT_THAT(seen, ElementsAre("vmbr6 10.99.6.1/24 false", "vmbr5 10.99.5.2/24 false",
                                "vmbr8 10.99.5.1/24 false", "vmbr0 10.99.0.1/24 true"));
}

}  // namespace
}  // namespace drover::proxmox
