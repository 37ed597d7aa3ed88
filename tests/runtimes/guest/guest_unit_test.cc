// What systemd and LXC make of a guest's drop-in. Only where systemd runs that is there for this
// test, which tests/integration/guest_output_vm sees to: it makes units and guests of its own.
#include <gmock/gmock.h>
#include <poll.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/system/child.h"
#include "agent/system/service_units.h"
#include "runtimes/guest/guest_output.h"

namespace drover::runtimes {
namespace {

using system::Path;
using testing::HasSubstr;

class GuestUnit : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("DROVER_TEST_SYSTEMD") == nullptr) {
      GTEST_SKIP() << "wants a machine of its own: tests/integration/guest_output_vm";
    }
    options_.units = "/etc/systemd/system";
    options_.configs = "/run/configs";
    options_.layout.state = "/var/lib/drover";
    std::filesystem::create_directories(options_.configs);
  }
  static std::string run(const std::vector<std::string>& argv) {
    const Result<system::Output> ran = system::run(argv, system::Stop());
    return ran ? ran->out : ran.error().message;
  }
  static std::string show(int vmid, const std::string& property) {
    return run({"systemctl", "show", "-P", property, fmt::format("pve-container@{}", vmid)});
  }
  Container make_guest(int vmid, const std::string& name) {
    const Path root = fmt::format("/var/lib/lxc/{}/rootfs", vmid);
    for (const char* folder : {"bin", "dev", "proc", "sys", "tmp"}) {
      std::filesystem::create_directories(root / folder);
    }
    std::filesystem::copy_file("/bin/busybox", root / "bin/busybox",
                               std::filesystem::copy_options::overwrite_existing);
    std::ofstream(root / "bin/say") << "#!/bin/busybox sh\necho hello from " << name
                                    << "\necho oops >&2\n/bin/busybox touch /ran\n";
    std::filesystem::permissions(root / "bin/say", std::filesystem::perms(0755));
    std::ofstream(root.parent_path() / "config")
        << "lxc.rootfs.path = dir:" << root.native() << "\nlxc.uts.name = " << name
        << "\nlxc.init.cmd = /bin/say\nlxc.autodev = 1\nlxc.tty.max = 0\nlxc.net.0.type = empty\n"
           "lxc.mount.auto = proc:mixed sys:mixed\nlxc.apparmor.profile = unconfined\n";
    std::ofstream(options_.configs / fmt::format("{}.conf", vmid)) << "tags: drover;job-j1\n";
    return {ContainerName::parse(name).value(),
            JobId::parse("j1").value(),
            RuntimeKind::pve_lxc,
            {},
            {},
            {},
            {},
            {},
            {}};
  }
  /// Starts it as Proxmox does, and waits for its end; whether its program has run.
  static bool start(int vmid) {
    const std::string unit = fmt::format("pve-container@{}", vmid);
    const Path ran = fmt::format("/var/lib/lxc/{}/rootfs/ran", vmid);
    std::filesystem::remove(ran);
    run({"systemctl", "start", unit});
    for (int tries = 0; tries < 600; ++tries) {
      const std::string state = show(vmid, "ActiveState");
      if (state == "inactive\n" || state == "failed\n") {
        break;
      }
      poll(nullptr, 0, 100);
    }
    return std::filesystem::exists(ran);
  }
  std::string log(const Container& guest) const {
    return system::read_file(options_.layout.log(guest.name)).value_or("");
  }

  GuestOutputOptions options_;
};

TEST_F(GuestUnit, ADropInIsTakenWithoutAReload) {
  const Container guest = make_guest(101, "web-1");
  EXPECT_TRUE(start(101)) << "as its unit has it";
  EXPECT_EQ(log(guest), "");
  const GuestOutput output(options_);
  ASSERT_EQ(output.why_not(), "");
  ASSERT_TRUE(output.keep(guest, Vmid{101}));
  EXPECT_TRUE(start(101));
  EXPECT_EQ(log(guest), "hello from web-1\r\noops\r\n");
  ASSERT_TRUE(output.forget(guest));
  EXPECT_TRUE(start(101));
  EXPECT_EQ(log(guest), "hello from web-1\r\noops\r\n");
}

TEST_F(GuestUnit, OtherGuestsHaveNone) {
  const Container guest = make_guest(101, "web-1");
  make_guest(102, "web-2");
  ASSERT_TRUE(GuestOutput(options_).keep(guest, Vmid{101}));
  EXPECT_TRUE(start(102));
  EXPECT_EQ(show(102, "DropInPaths"), "\n");
  EXPECT_THAT(show(101, "DropInPaths"),
              HasSubstr("/etc/systemd/system/pve-container@101.service.d"));
}

TEST_F(GuestUnit, AFailedUnitTakesItToo) {
  const Container guest = make_guest(103, "web-3");
  const Path config = "/var/lib/lxc/103/config";
  const Path away = config.native() + ".away";
  std::filesystem::rename(config, away);
  EXPECT_FALSE(start(103));
  EXPECT_EQ(show(103, "ActiveState"), "failed\n");
  std::filesystem::rename(away, config);
  ASSERT_TRUE(GuestOutput(options_).keep(guest, Vmid{103}));
  EXPECT_TRUE(start(103));
  EXPECT_EQ(log(guest), "hello from web-3\r\noops\r\n");
}

TEST_F(GuestUnit, AGuestStartsWithoutItsLogsFolder) {
  const Container guest = make_guest(104, "web-4");
  ASSERT_TRUE(GuestOutput(options_).keep(guest, Vmid{104}));
  std::filesystem::remove_all(options_.layout.container(guest.name));
  EXPECT_TRUE(start(104));
  std::filesystem::create_directories(options_.layout.container(guest.name));
  std::ofstream(options_.configs / "104.conf") << "tags: somebody-elses\n";
  EXPECT_TRUE(start(104));
  EXPECT_EQ(log(guest), "");
}

TEST_F(GuestUnit, ALogLargerThanItsBoundSilencesNoGuest) {
  const Container guest = make_guest(105, "web-5");
  options_.file_bytes = 4096;
  const GuestOutput output(options_);
  ASSERT_TRUE(output.keep(guest, Vmid{105}));
  const std::string before(8192, 'x');
  std::ofstream(options_.layout.log(guest.name)) << before;
  EXPECT_TRUE(start(105));
  EXPECT_EQ(log(guest), before) << "LXC writes to such a log now: it need not be turned";
  output.keep_for_start(guest, Vmid{105});
  EXPECT_TRUE(start(105));
  EXPECT_EQ(log(guest), "hello from web-5\r\noops\r\n");
}

}  // namespace
}  // namespace drover::runtimes
