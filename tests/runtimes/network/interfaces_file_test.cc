// Bridges whose ports learn no addresses: what interfaces(5) says of them, and what a container's
// end does then.
#include "runtimes/network/interfaces_file.h"

#include <fstream>

#include "networks_fixture.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(InterfacesFile, SaysWhichBridgesPortsLearnNoAddresses) {
  const InterfacesFile file = parse_interfaces(R"(
auto vmbr0
iface vmbr0 inet static
	address 192.0.2.10/24
	bridge-disable-mac-learning 1
	bridge-ports eno1
# a remark

iface vmbr1 inet manual

  bridge-disable-mac-learning yes
iface vmbr2
  bridge-disable-mac-learning 0
iface vmbr3 inet manual
  #bridge-disable-mac-learning 1
iface vmbr4 inet manual
  bridge-disable-mac-learning 1
iface vmbr4 inet6 manual
  bridge-disable-mac-learning 0
source /etc/network/interfaces.d/*
  bridge-disable-mac-learning 1
source-directory more
iface vmbr5 inet manual
mapping eth0
  bridge-disable-mac-learning 1
iface vmbr6
  bridge-disable-mac-learning)");
  EXPECT_THAT(file.unlearning, ElementsAre("vmbr0", "vmbr1"));
  EXPECT_THAT(file.sources, ElementsAre("/etc/network/interfaces.d/*", "more/*"));
  EXPECT_THAT(parse_interfaces("").unlearning, IsEmpty());
}

class UnlearningBridgeTest : public NetworksTest {
 protected:
  void SetUp() override {
    NetworksTest::SetUp();
    std::filesystem::create_directory(folder_ / "interfaces.d");
    // One that names itself ends, too.
    std::ofstream(folder_ / "interfaces") << "source interfaces.d/*\nsource interfaces\n";
    std::ofstream(folder_ / "interfaces.d/bridges")
        << "iface vmbr0 inet manual\n  bridge-disable-mac-learning 1\niface vmbr1 inet manual\n";
    networks_ = std::make_unique<Networks>(
        layout_, NetworkOptions{
                     .plugin_folders = {"/usr/lib/cni"},
                     .ranges = {{"vmbr0", "10.83.0.0/24", "10.83.0.10", "10.83.0.11", "10.83.0.1"}},
                     .interfaces_file = folder_ / "interfaces"});
    run({"ip", "link", "add", "vmbr1", "type", "bridge"});
  }
  std::string port(const Attachment& made) {
    return run({"bridge", "-details", "link", "show", "dev", made.host_interface});
  }
  std::string addresses(const Attachment& made) {
    return run({"bridge", "fdb", "show", "dev", made.host_interface});
  }
};

TEST_F(UnlearningBridgeTest, AnEndInItIsSentWhatIsForItsContainerOnly) {
  const auto made = attach("web-1");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(port(*made), HasSubstr("learning off flood off"));
  EXPECT_THAT(addresses(*made), HasSubstr(made->mac + " master vmbr0 static"));
  inside("web-1", {"busybox", "ping", "-c", "1", "-w", "5", "10.83.0.1"});
  const auto other = attach("web-2", {.bridge = "vmbr1"});
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_THAT(port(*other), HasSubstr("learning on flood on"));
  EXPECT_THAT(addresses(*other), Not(HasSubstr(other->mac + " master vmbr1 static")));
}

TEST_F(UnlearningBridgeTest, AnEndThatIsPutBackIntoItIsSentTheSame) {
  const auto made = attach("web-1");
  ASSERT_TRUE(made) << made.error().message;
  run({"ip", "link", "delete", "vmbr0"});
  run({"ip", "link", "add", "vmbr0", "type", "bridge"});
  ASSERT_TRUE(networks_->plug_in_again(*made, 0, stop_));
  EXPECT_THAT(port(*made), HasSubstr("learning off flood off"));
  EXPECT_THAT(addresses(*made), HasSubstr(made->mac + " master vmbr0 static"));
}

}  // namespace
}  // namespace drover::runtimes
