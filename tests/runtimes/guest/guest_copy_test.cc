// Guests that the runtime makes as copies of others, against the simulator.
#include <gmock/gmock.h>

#include <fstream>

#include "fakes/sim_node.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class GuestCopyTest : public testing::Test {
 protected:
  void SetUp() override {
    node_.add_small_template();
    web_.spec.image = "local:vztmpl/small.tar.gz";
    web_.spec.resources = {64, 1.5, 0};
    web_.spec.volumes = {{"data", "/data", "fast", 8, false}};
    web_.spec.networks = {{"eth0", "vmbr0", "192.0.2.9/24", "", 0}};
    const auto made = runtime_.create(web_, stop_);
    ASSERT_TRUE(made) << to_text(made.error());
  }
  static Container container(const std::string& name, const std::string& job) {
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
  /// As an agent does that ends before it has taken the copy over.
  void begin_copy() {
    const proxmox::Form form = {{"newid", "5002"},
                                {"hostname", "copy"},
                                {"description", "drover container copy job j2"},
                                {"full", "1"}};
    ASSERT_TRUE(client_->post("/nodes/pve1/lxc/5000/clone", form, stop_));
  }
  /// As a job makes it ready.
  Container copy_of_web(const std::string& image = "container:web") {
    Container copy = container("copy", "j2");
    copy.spec.image = image;
    copy.spec.volumes = web_.spec.volumes;
    copy.source = Vmid{5000};
    return copy;
  }
  json::Value config(const char* vmid) {
    return client_->get(fmt::format("/nodes/pve1/lxc/{}/config", vmid), {}, stop_).value();
  }
  void change(const char* vmid, const proxmox::Form& form) {
    const auto put = client_->put(fmt::format("/nodes/pve1/lxc/{}/config", vmid), form, stop_);
    ASSERT_TRUE(put) << to_text(put.error());
  }
  /// As somebody else's work on a guest does.
  void set_lock(const char* vmid, const char* lock) {
    const auto file = node_.folder() / "guests" / (std::string(vmid) + ".json");
    json::Value value = json::parse(system::read_file(file).value()).value();
    if (lock == nullptr) {
      value.object()->erase("lock");
    } else {
      value.object()->set("lock", lock);
    }
    std::ofstream(file) << json::write(value);
  }
  /// What there is beside web_.
  std::vector<std::string> others() {
    std::vector<std::string> names;
    const std::vector<Found> all = runtime_.inventory(stop_).value();
    for (const Found& guest : all) {
      if (guest.vmid != Vmid{5000}) {
        names.push_back(guest.name);
      }
    }
    return names;
  }

  fakes::SimNode node_{std::vector<std::string>{"--storage", "fast:btrfs"}};
  std::unique_ptr<proxmox::Client> client_ = node_.client();
  system::SystemClock clock_;
  GuestOptions options_{"local", 16,    Vmid{5000}, Vmid{5003}, node_.folder() / "lxc",
                        "vmbr0", "fast"};
  GuestRuntime runtime_{*client_, clock_, options_};
  Stop stop_;
  Container web_ = container("web", "j1");
};

TEST_F(GuestCopyTest, HasTheDisksOfItsSourceAndAllElseAsItsSpecSays) {
  change("5000", {{"net3", "name=eth3,bridge=vmbr0,ip=dhcp"},
                  {"protection", "1"},
                  {"onboot", "1"},
                  {"description", "the first"},
                  {"tags", "drover;job-j1;started;admins"}});
  Container copy = copy_of_web();
  copy.spec.hostname = "other";
  copy.spec.networks = {{"eth0", "vmbr0", "192.0.2.10/24", "", 0}};
  copy.spec.resources = {128, 0, 0, 32};
  for (const char* run : {"first", "again"}) {
    const auto made = runtime_.create(copy, stop_);
    ASSERT_TRUE(made) << run << ": " << to_text(made.error());
  }
  const json::Value now = config("5001");
  EXPECT_EQ(now.at("tags").string_or(""), "drover;job-j2;name-copy");
  EXPECT_EQ(now.at("hostname").string_or(""), "other");
  EXPECT_TRUE(now.at("description").is_null());
  EXPECT_TRUE(now.at("protection").is_null());
  EXPECT_TRUE(now.at("net3").is_null());
  EXPECT_EQ(now.at("onboot").integer_or(-1), 0);
  EXPECT_THAT(std::string(now.at("net0").string_or("")), HasSubstr("ip=192.0.2.10/24"));
  EXPECT_THAT(std::string(now.at("rootfs").string_or("")), HasSubstr("local:5001/"));
  EXPECT_THAT(std::string(now.at("mp0").string_or("")), HasSubstr("fast:5001/"));
  const Provided provided = runtime_.provided(copy, stop_).value();
  EXPECT_EQ(provided.vmid, Vmid{5001});
  EXPECT_EQ(provided.resources, (Resources{128, 1.5, 0}));
  EXPECT_EQ(provided.sizes.root, 32U);
  EXPECT_EQ(provided.sizes.volumes.at("data"), 8U);
  EXPECT_NE(provided.interfaces.at(0).mac, runtime_.provided(web_, stop_)->interfaces.at(0).mac);
  EXPECT_EQ(runtime_.state(copy, stop_).value().status, Status::created);
  EXPECT_EQ(config("5000").at("description").string_or(""), "the first\n");
}

TEST_F(GuestCopyTest, OfASnapshotIsAsTheSourceWasThen) {
  change("5000", {{"delete", "mp0"}});
  Container fast = container("fast", "j3");
  fast.spec.image = "local:vztmpl/small.tar.gz";
  GuestRuntime on_fast{
      *client_, clock_, {"fast", 16, Vmid{5002}, Vmid{5003}, node_.folder() / "lxc", "", "fast"}};
  ASSERT_TRUE(on_fast.create(fast, stop_));
  ASSERT_TRUE(on_fast.snapshots()->take_snapshot(fast, "then", JobId::parse("j4").value(), stop_));
  ASSERT_TRUE(on_fast.disks()->grow(fast, "", 32, stop_));
  Container copy = container("copy", "j2");
  copy.spec.image = "container:fast@then";
  copy.source = Vmid{5002};
  const auto made = runtime_.create(copy, stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(runtime_.provided(copy, stop_).value().sizes.root, 16U);
  copy = container("none", "j5");
  copy.spec.image = "container:fast@never";
  copy.source = Vmid{5002};
  EXPECT_EQ(runtime_.create(copy, stop_).error().code, Code::not_found);
  EXPECT_THAT(others(), testing::UnorderedElementsAre("copy", "fast"));
}

TEST_F(GuestCopyTest, WhileItsSourceIsLockedCanBeTriedAgain) {
  set_lock("5000", "disk");
  const auto made = runtime_.create(copy_of_web(), stop_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable) << to_text(made.error());
  EXPECT_THAT(made.error().message, HasSubstr("locked (disk)"));
  EXPECT_THAT(others(), IsEmpty());
  set_lock("5000", nullptr);
  EXPECT_TRUE(runtime_.create(copy_of_web(), stop_));
}

TEST_F(GuestCopyTest, WhoseAnswerWasLostIsFoundByItsStampAndMadeOnce) {
  node_.set_fault("lost", 1, "POST /nodes/pve1/lxc/5000/clone");
  const auto made = runtime_.create(copy_of_web(), stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(config("5001").at("tags").string_or(""), "drover;job-j2");
  EXPECT_THAT(others(), testing::ElementsAre("copy"));
}

TEST_F(GuestCopyTest, ThatAnEarlierAgentHasNotTakenOverIsItsJobsAndNotItsSources) {
  begin_copy();
  const Container copy = copy_of_web();
  ASSERT_TRUE(runtime_.settle(copy, stop_));
  ASSERT_EQ(config("5002").at("tags").string_or(""), "drover;job-j1") << "those of its source";
  EXPECT_EQ(runtime_.provided(copy, stop_).value().vmid, Vmid{5002});
  EXPECT_EQ(runtime_.provided(web_, stop_).value().vmid, Vmid{5000});
  Container sourceless = web_;
  sourceless.vmid = Vmid{5000};
  EXPECT_EQ(runtime_.provided(sourceless, stop_).value().vmid, Vmid{5000});
  ASSERT_TRUE(runtime_.create(copy, stop_));
  EXPECT_EQ(config("5002").at("tags").string_or(""), "drover;job-j2");
  EXPECT_THAT(others(), testing::ElementsAre("copy"));
}

TEST_F(GuestCopyTest, ThatIsTakenBackBeforeItWasTakenOverIsGone) {
  begin_copy();
  ASSERT_TRUE(runtime_.settle(copy_of_web(), stop_));
  ASSERT_TRUE(runtime_.remove(copy_of_web(), true, stop_));
  EXPECT_THAT(others(), IsEmpty());
  EXPECT_EQ(runtime_.state(web_, stop_).value().status, Status::created);
  EXPECT_FALSE(std::filesystem::exists(node_.folder() / "fast/images/5002"));
}

TEST_F(GuestCopyTest, ThatIsNotTakenOverYetIsNotItsSourceThoughThatIsGone) {
  change("5000", {{"tags", "drover;job-j1;name-web"}});
  begin_copy();
  ASSERT_TRUE(runtime_.settle(copy_of_web(), stop_));
  Container gone = web_;
  gone.vmid = Vmid{5000};
  for (const char* run : {"first", "as by the next agent"}) {
    const auto removed = runtime_.remove(gone, true, stop_);
    ASSERT_TRUE(removed) << run << ": " << to_text(removed.error());
    EXPECT_EQ(runtime_.state(gone, stop_).error().code, Code::not_found) << run;
  }
  EXPECT_EQ(config("5002").at("hostname").string_or(""), "copy");
}

TEST_F(GuestCopyTest, ThatFailsInTheMiddleLeavesNothing) {
  node_.set_fault("nospace", 1, "vzclone");
  EXPECT_FALSE(runtime_.create(copy_of_web(), stop_));
  EXPECT_THAT(others(), IsEmpty());
  EXPECT_TRUE(config("5000").at("lock").is_null());
  EXPECT_TRUE(runtime_.create(copy_of_web(), stop_));
}

TEST_F(GuestCopyTest, TakesTheNextNumberWhenSomebodyHasTakenTheFirst) {
  ASSERT_TRUE(client_->post("/nodes/pve1/lxc",
                            {{"vmid", "5001"},
                             {"ostemplate", "local:vztmpl/small.tar.gz"},
                             {"hostname", "strange"},
                             {"rootfs", "local:0.02"}},
                            stop_));
  ASSERT_TRUE(runtime_.create(copy_of_web(), stop_));
  EXPECT_EQ(runtime_.provided(copy_of_web(), stop_).value().vmid, Vmid{5002});
}

TEST_F(GuestCopyTest, IsRefusedAProgramThatItsSourcesTemplateCannotHave) {
  Container copy = copy_of_web();
  copy.spec.command = {"sh"};
  EXPECT_EQ(runtime_.create(copy, stop_).error().code, Code::refused);
  change("5000", {{"entrypoint", "/bin/app serve"}, {"env", "A=1"}});
  copy.spec.env = {{"B", "2"}};
  const auto made = runtime_.create(copy, stop_);
  ASSERT_TRUE(made) << to_text(made.error());
  const json::Value now = config("5001");
  EXPECT_EQ(now.at("entrypoint").string_or(""), "sh");
  EXPECT_EQ(now.at("env").string_or(""), std::string_view("A=1\0B=2", 7));
  EXPECT_THAT(std::string(now.at("net0").string_or("")), HasSubstr("host-managed=1"));
}

TEST_F(GuestCopyTest, OfAGuestThatIsAnotherContainersByNowIsNotMade) {
  change("5000", {{"tags", "drover;job-j9;name-another"}});
  EXPECT_EQ(runtime_.create(copy_of_web(), stop_).error().code, Code::not_found);
  EXPECT_THAT(others(), IsEmpty());
}

}  // namespace
}  // namespace drover::runtimes
