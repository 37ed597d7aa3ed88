#include "runtimes/name_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ResolvConf, IsTheNodesWithoutResolversThatAreItsOwn) {
  EXPECT_EQ(resolv_conf_of({},
                           "# by hand\nnameserver 127.0.0.53\nnameserver 192.0.2.53 # ours\n"
                           "nameserver ::1\nnameserver fe80::1%eth0\nnameserver\n"
                           "domain example.com\nsearch example.org lab\noptions edns0\n"
                           "options ndots:2\nsortlist 192.0.2.0\n"),
            "search example.org lab\nnameserver 192.0.2.53\noptions edns0 ndots:2\n");
  EXPECT_EQ(resolv_conf_of({}, ""), "");
}

TEST(ResolvConf, WhatTheJobSaysStandsInPlaceOfTheNodes) {
  const std::string_view node = "nameserver 192.0.2.53\nsearch example.org\noptions edns0\n";
  DnsSpec dns;
  dns.servers = {"192.0.2.1", "2001:db8::1"};
  EXPECT_EQ(resolv_conf_of(dns, node),
            "search example.org\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions edns0\n");
  dns = {{}, {"lab"}, {"ndots:1"}};
  EXPECT_EQ(resolv_conf_of(dns, node), "search lab\nnameserver 192.0.2.53\noptions ndots:1\n");
}

class NameFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    layout_.state = folder_.path();
    container_.rootfs = layout_.rootfs(container_.name);
    std::filesystem::create_directories(container_.rootfs);
    std::filesystem::create_directories(folder_ / "outside");
    container_.mounts = name_mounts(layout_, container_);
  }
  std::string file(const std::string& name) {
    return system::read_file(layout_.names(container_.name) / name).value_or("none");
  }
  Result<> write() { return write_name_files(layout_, container_, interfaces_); }
  std::vector<std::string> targets() {
    std::vector<std::string> targets;
    for (const BindMount& mount : name_mounts(layout_, container_)) {
      targets.push_back(mount.target);
    }
    return targets;
  }

  fakes::TempFolder folder_;
  Layout layout_;
  Container container_{*ContainerName::parse("web-1"),
                       *JobId::parse("job-1"),
                       RuntimeKind::runc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
  std::vector<Attachment> interfaces_{{"eth0", "veth0", "vmbr0", "192.0.2.9/24", "", ""},
                                      {"eth1", "veth1", "vmbr1", "2001:db8::9/64", "", ""}};
};

TEST_F(NameFilesTest, ItsOwnNameIsAtItsOwnAddresses) {
  container_.spec.hostname = "web";
  container_.spec.hosts = {{"192.0.2.7", {"db", "db.example.org"}}};
  ASSERT_TRUE(write());
  EXPECT_THAT(file("hosts"), HasSubstr("127.0.0.1 localhost\n"));
  EXPECT_THAT(file("hosts"), HasSubstr("192.0.2.9 web web-1\n2001:db8::9 web web-1\n"));
  EXPECT_THAT(file("hosts"), HasSubstr("192.0.2.7 db db.example.org\n"));
  EXPECT_EQ(file("hostname"), "web\n");
  EXPECT_NE(file("resolv.conf"), "none");
  // One that gets its address by DHCP, or none, still finds itself.
  interfaces_ = {{"eth0", "veth0", "vmbr0", "", "", ""}};
  ASSERT_TRUE(write());
  EXPECT_THAT(file("hosts"), HasSubstr("127.0.1.1 web web-1\n"));
}

TEST_F(NameFilesTest, WhatADhcpServerSaysOfResolversComesBehindTheJobAndBeforeTheNode) {
  Attachment leased{"eth0", "veth0", "vmbr0", "192.0.2.9/24", "", ""};
  leased.dns = {{"192.0.2.53"}, {"lan.example"}, {}};
  interfaces_ = {leased};
  container_.spec.dns.search = {"job.example"};
  ASSERT_TRUE(write());
  EXPECT_THAT(file("resolv.conf"), HasSubstr("search job.example\nnameserver 192.0.2.53\n"));
  EXPECT_EQ(attachment_from_json(to_json(leased)).value().dns, leased.dns);
}

TEST_F(NameFilesTest, ALinkInTheImageIsReplacedAndNotFollowed) {
  std::filesystem::create_directory(container_.rootfs / "usr");
  std::filesystem::create_directory_symlink("/usr/settings", container_.rootfs / "etc");
  std::filesystem::create_directory(container_.rootfs / "usr/settings");
  std::filesystem::create_symlink(folder_ / "outside/victim",
                                  container_.rootfs / "usr/settings/resolv.conf");
  std::ofstream(folder_ / "outside/hosts") << "of the node\n";
  std::filesystem::create_symlink(folder_ / "outside/hosts",
                                  container_.rootfs / "usr/settings/hosts");
  std::ofstream(container_.rootfs / "usr/settings/hostname") << "of the image\n";
  const auto written = write();
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "outside/victim"));
  EXPECT_EQ(system::read_file(folder_ / "outside/hosts").value(), "of the node\n");
  for (const char* name : {"resolv.conf", "hosts"}) {
    EXPECT_TRUE(std::filesystem::is_regular_file(
        std::filesystem::symlink_status(container_.rootfs / "usr/settings" / name)));
  }
  EXPECT_EQ(system::read_file(container_.rootfs / "usr/settings/hostname").value(),
            "of the image\n")
      << "what is there is only covered";
}

TEST_F(NameFilesTest, AnImageWithSomethingElseInThePlaceOfOneIsRefused) {
  std::filesystem::create_directories(container_.rootfs / "etc/hosts");
  const auto refused = write();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("something other than a file at /etc/hosts"));
}

/// Else it would have mounted what is there no more: what it reads would be old, and CRIU could not
/// restore it.
TEST_F(NameFilesTest, AFileThatACreatedContainerHasMountedIsWrittenInPlace) {
  ASSERT_TRUE(write());
  const int held = open((layout_.names(container_.name) / "hosts").c_str(), O_RDONLY | O_CLOEXEC);
  interfaces_.clear();
  ASSERT_TRUE(write());
  std::string text(1024, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(held, text.data(), text.size()))));
  struct stat facts {};
  EXPECT_EQ(fstat(held, &facts), 0);
  EXPECT_EQ(facts.st_nlink, 1U);
  close(held);
  EXPECT_THAT(text, HasSubstr("127.0.1.1 web-1\n"));
  EXPECT_THAT(text, Not(HasSubstr("192.0.2.9"))) << "it is shorter than it was";
  EXPECT_EQ(text, file("hosts"));
}

TEST_F(NameFilesTest, AVolumeThatIsThereHasItsOwn) {
  EXPECT_THAT(targets(), ElementsAre("/etc/resolv.conf", "/etc/hosts", "/etc/hostname"));
  container_.spec.volumes = {{"a", "/etc/hosts", "", 0, false}, {"b", "/etc/host", "", 0, false}};
  EXPECT_THAT(targets(), ElementsAre("/etc/resolv.conf", "/etc/hostname"));
  container_.spec.mounts.emplace_back().target = "/etc/resolv.conf";
  EXPECT_THAT(targets(), ElementsAre("/etc/hostname"));
  container_.spec.volumes = {{"a", "/etc/", "", 0, false}};
  EXPECT_TRUE(targets().empty());
  // What an older agent has made knows nothing of them.
  container_.mounts.clear();
  ASSERT_TRUE(write());
  EXPECT_EQ(file("hosts"), "none");
}

}  // namespace
}  // namespace drover::runtimes
