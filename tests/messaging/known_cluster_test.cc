#include "messaging/client/known_cluster.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "fakes/new_key.h"
#include "fakes/temp_folder.h"
#include "messaging/client/known_nodes.h"

namespace drover::messaging {
namespace {

class KnownClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "mine.key") << mine_.text();
    ASSERT_EQ(chmod((folder_ / "mine.key").c_str(), 0600), 0);
  }
  std::string dispatcher(const std::string& address, const KeyPair& key) const {
    return R"({"address":")" + address + R"(","server_key":")" + key.public_key.str() + R"("})";
  }
  std::string cluster(const std::string& name) const {
    return "\"" + name + R"(":{"dispatchers":[)" + dispatcher("tcp://10.0.0.9", one_) + "," +
           dispatcher("tcp://10.0.0.8:7200", two_) + "]}";
  }
  Result<KnownNodes> parse(const std::string& clusters) const {
    return KnownNodes::parse(R"({"key":"mine.key","clusters":{)" + clusters + "}}", folder_.path());
  }

  fakes::TempFolder folder_;
  KeyPair one_ = fakes::new_key();
  KeyPair two_ = fakes::new_key();
  KeyPair mine_ = fakes::new_key();
};

TEST_F(KnownClusterTest, EachDispatcherHasItsAddressAndItsKey) {
  const auto known = parse(cluster("prod"));
  ASSERT_TRUE(known) << known.error().message;
  for (const char* name : {"prod", ""}) {
    const auto endpoint = endpoint_of(ClusterChoice{name}, *known);
    ASSERT_TRUE(endpoint) << endpoint.error().message;
    ASSERT_EQ(endpoint->dispatchers.size(), 2U);
    EXPECT_EQ(endpoint->dispatchers[0].tcp()->address, (TcpAddress{"10.0.0.9", 7130}));
    EXPECT_EQ(endpoint->dispatchers[1].tcp()->address, (TcpAddress{"10.0.0.8", 7200}));
    EXPECT_EQ(endpoint->dispatchers[1].tcp()->server_key, two_.public_key);
    EXPECT_EQ(endpoint->dispatchers[1].tcp()->own, mine_);
  }
}

TEST_F(KnownClusterTest, OfSeveralOneMustBeNamedAndOfNoneItIsThisMachines) {
  const auto two = parse(cluster("prod") + "," + cluster("lab"));
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(endpoint_of(ClusterChoice{}, *two).error().code, Code::invalid);
  const auto other = endpoint_of(ClusterChoice{"test"}, *two);
  EXPECT_EQ(other.error().code, Code::not_found);
  EXPECT_NE(other.error().message.find("lab, prod"), std::string::npos) << other.error().message;
  const auto own = endpoint_of(ClusterChoice{}, KnownNodes());
  ASSERT_TRUE(own);
  EXPECT_EQ(*own->dispatchers.at(0).folder(), kDispatcherFolder);
}

TEST_F(KnownClusterTest, AddressesAreTakenWithTheirKeys) {
  const auto known = parse("");
  ASSERT_TRUE(known) << known.error().message;
  const ClusterChoice one_key{"", {"tcp://a", "tcp://b"}, {one_.public_key.str()}, {}};
  const auto endpoint = endpoint_of(one_key, *known);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->dispatchers.at(1).tcp()->server_key, one_.public_key);
  EXPECT_EQ(endpoint_of(ClusterChoice{"", {"tcp://a"}, {}, {}}, *known).error().code,
            Code::invalid);
  const auto folder = endpoint_of(ClusterChoice{"", {"/run/x"}, {}, {}}, KnownNodes());
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_EQ(folder->dispatchers.at(0).folder()->native(), "/run/x");
}

TEST_F(KnownClusterTest, WhatIsWrongIsToldWithItsPlace) {
  const auto known = parse(R"("prod":{"dispatchers":[{"address":"10.0.0.9","server_key":"x"}]},)"
                           R"("lab":{"dispatchers":[]})");
  ASSERT_FALSE(known);
  std::string pointers;
  for (const Fault& fault : known.error().faults) {
    pointers += fault.pointer + " ";
  }
  EXPECT_NE(pointers.find("/clusters/prod/dispatchers/0/address"), std::string::npos) << pointers;
  EXPECT_NE(pointers.find("/clusters/prod/dispatchers/0/server_key"), std::string::npos)
      << pointers;
  EXPECT_NE(pointers.find("/clusters/lab/dispatchers"), std::string::npos) << pointers;
}

}  // namespace
}  // namespace drover::messaging
