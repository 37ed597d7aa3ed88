#include "messaging/client/known_nodes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fakes/new_key.h"
#include "fakes/temp_folder.h"
#include "messaging/client/key_file.h"

namespace drover::messaging {
namespace {

class KnownNodesTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text, mode_t mode) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string entry(const std::string& address, const std::string& more = "") const {
    return R"({"address":")" + address + R"(","server_key":")" + server_.public_key.str() + "\"" +
           more + "}";
  }

  fakes::TempFolder folder_;
  KeyPair server_ = fakes::new_key();
  KeyPair mine_ = fakes::new_key();
};

TEST_F(KnownNodesTest, OnlyAKeyFileOfOnesOwnThatNobodyElseCanReadIsTaken) {
  EXPECT_EQ(read_key_file(write("600", mine_.text(), 0600)).value(), mine_);
  EXPECT_EQ(read_key_file(write("400", mine_.text(), 0400)).value(), mine_);
  for (const mode_t mode : {0640U, 0604U, 0644U, 0620U, 0700U, 04600U}) {
    const auto read = read_key_file(write("open", mine_.text(), mode));
    ASSERT_FALSE(read) << mode;
    EXPECT_EQ(read.error().code, Code::refused);
    EXPECT_NE(read.error().message.find("chmod 600"), std::string::npos) << read.error().message;
  }
  std::filesystem::create_symlink(folder_ / "600", folder_ / "link");
  EXPECT_EQ(read_key_file(folder_ / "link").error().code, Code::refused);
  EXPECT_EQ(read_key_file(folder_.path()).error().code, Code::refused);
  EXPECT_EQ(read_key_file(folder_ / "missing").error().code, Code::not_found);
  if (geteuid() == 0) {
    const auto others = write("others", mine_.text(), 0600);
    ASSERT_EQ(chown(others.c_str(), 1234, 0), 0);
    EXPECT_EQ(read_key_file(others).error().code, Code::refused);
  }
}

TEST_F(KnownNodesTest, AKeyFileOfTwoKeysThatDoNotBelongTogetherIsInvalid) {
  const KeyPair mixed{server_.public_key, mine_.secret_key};
  const auto read = read_key_file(write("mixed", mixed.text(), 0600));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::invalid);
  EXPECT_EQ(read.error().message.find(mine_.secret_key.text()), std::string::npos);
  EXPECT_EQ(read_key_file(write("large", std::string(5000, ' '), 0600)).error().code,
            Code::invalid);
}

TEST_F(KnownNodesTest, ANodeIsFoundByNameWithItsKeys) {
  write("own.key", mine_.text(), 0600);
  const auto file = write("client.json",
                          R"({"key":"own.key","nodes":{"pve2":)" + entry("tcp://192.0.2.2:70") +
                              R"(,"pve3":)" + entry("tcp://pve3", R"(,"key":"/no/such")") + "}}",
                          0644);
  const auto known = KnownNodes::read({folder_ / "missing.json", file});
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->names(), "pve2, pve3");
  const auto endpoint = endpoint_of({"pve2", "", ""}, *known);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->text(), "node tcp://192.0.2.2:70");
  EXPECT_EQ(endpoint->tcp()->server_key, server_.public_key);
  EXPECT_EQ(endpoint->tcp()->own, mine_);
  EXPECT_EQ(endpoint_of({"pve3", "", ""}, *known).error().code, Code::not_found);
  EXPECT_TRUE(endpoint_of({"pve3", "", folder_ / "own.key"}, *known));
  const auto nobody = endpoint_of({"pve4", "", ""}, *known);
  EXPECT_NE(nobody.error().message.find("pve2, pve3"), std::string::npos);
  // By its address nothing but the own key is known of it.
  EXPECT_EQ(endpoint_of({"tcp://192.0.2.2:70", "", ""}, *known).error().code, Code::invalid);
  EXPECT_TRUE(endpoint_of({"tcp://192.0.2.2:70", server_.public_key.str(), ""}, *known));
  EXPECT_EQ(endpoint_of({"tcp://a", server_.public_key.str(), ""}, {}).error().code, Code::invalid);
}

TEST_F(KnownNodesTest, TheUsersOwnListComesBeforeTheMachines) {
  const auto machine = write(
      "machine.json",
      R"({"nodes":{"pve2":)" + entry("tcp://a") + R"(,"pve3":)" + entry("tcp://c") + "}}", 0644);
  const auto user = write("user.json", R"({"nodes":{"pve2":)" + entry("tcp://b") + "}}", 0600);
  const auto known = KnownNodes::read({machine, user});
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->find("pve2")->address.host, "b");
  EXPECT_EQ(known->find("pve3")->address.host, "c");
}

TEST_F(KnownNodesTest, AListThatOthersMayWriteIsRefused) {
  for (const mode_t mode : {0664U, 0646U}) {
    const auto known = KnownNodes::read({write("open.json", "{}", mode)});
    ASSERT_FALSE(known);
    EXPECT_EQ(known.error().code, Code::refused);
  }
}

TEST_F(KnownNodesTest, EveryFaultOfAListIsTold) {
  const auto known = KnownNodes::read({write("faults.json",
                                             R"({"nodes":{"a":{"address":"a","server_key":"x"},
                                                 "B b":{},"c":{"adress":""}},"kye":""})",
                                             0600)});
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Code::invalid);
  EXPECT_GE(known.error().faults.size(), 5U);
}

}  // namespace
}  // namespace drover::messaging
