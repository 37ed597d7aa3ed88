// `drover --node`: another node, over tcp.
#include <sys/stat.h>

#include <fstream>

#include "drover_program.h"
#include "fakes/new_key.h"
#include "fakes/temp_folder.h"

namespace drover::cli {
namespace {

class NodeOptionTest : public DroverProgram {
 protected:
  void SetUp() override {
    port_ = node_.serve_tcp(server_);
    std::ofstream(folder_ / "mine.key") << mine_.text();
    ASSERT_EQ(chmod((folder_ / "mine.key").c_str(), 0600), 0);
  }
  void allow() {
    node_.call([&](State&, Faults& faults) { faults.allowed.insert(mine_.public_key.str()); });
  }
  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> with_keys(std::vector<std::string> line) {
    std::vector<std::string> all = {"--node", address(), "--server-key=" + server_.public_key.str(),
                                    "--key", folder_ / "mine.key"};
    all.insert(all.end(), line.begin(), line.end());
    return all;
  }

  fakes::TempFolder folder_;
  KeyPair server_ = fakes::new_key();
  KeyPair mine_ = fakes::new_key();
  std::uint16_t port_ = 0;
};

TEST_F(NodeOptionTest, AnotherNodeIsWorkedWithAsThisOne) {
  allow();
  const system::Output ran =
      drover_on("/nonexistent", with_keys({"run", "--wait", "-q", "--name", "web-1", "--", "sh",
                                           "-c", "echo hello; exit 7"}));
  EXPECT_EQ(ran.ending.code, 7) << ran.err;
  EXPECT_EQ(ran.out, "hello\n");
}

TEST_F(NodeOptionTest, ANodeIsFoundByItsName) {
  allow();
  std::filesystem::create_directory(folder_ / "drover");
  std::ofstream(folder_ / "drover/client.json")
      << R"({"key":"../mine.key","nodes":{"pve2":{"address":")" << address()
      << R"(","server_key":")" << server_.public_key.str() << R"("}}})";
  const system::Output node = drover_with({{"XDG_CONFIG_HOME", folder_.path().native()}},
                                          {"--node", "pve2", "node", "--json"});
  EXPECT_EQ(node.ending.code, 0) << node.err;
  EXPECT_NE(node.out.find(R"("node": "fake")"), std::string::npos) << node.out;
  const system::Output other =
      drover_with({{"XDG_CONFIG_HOME", folder_.path().native()}}, {"--node", "pve3", "node"});
  EXPECT_EQ(other.ending.code, 1);
  EXPECT_NE(other.err.find("known: pve2"), std::string::npos) << other.err;
}

TEST_F(NodeOptionTest, WhoIsNotLetInIsToldWhatToDo) {
  const system::Output ps = drover(with_keys({"ps"}));
  EXPECT_EQ(ps.ending.code, 125);
  EXPECT_NE(ps.err.find("drover keys allow"), std::string::npos) << ps.err;
}

TEST_F(NodeOptionTest, AKeyThatOthersMayReadIsNotUsed) {
  allow();
  ASSERT_EQ(chmod((folder_ / "mine.key").c_str(), 0644), 0);
  const system::Output ps = drover(with_keys({"ps"}));
  EXPECT_EQ(ps.ending.code, 1);
  EXPECT_NE(ps.err.find("chmod 600"), std::string::npos) << ps.err;
  EXPECT_EQ(node_.count("query.containers"), 0U);
}

TEST_F(NodeOptionTest, WhatWorksWithFilesOfThisMachineTakesNoOtherNode) {
  for (const char* command : {"config", "doctor", "journal", "secret"}) {
    std::vector<std::string> line = with_keys({command});
    if (std::string_view(command) != "doctor") {
      line.emplace_back(std::string_view(command) == "secret" ? "ls" : "check");
    }
    const system::Output output = drover(line);
    EXPECT_EQ(output.ending.code, 2) << command << ": " << output.err;
    EXPECT_NE(output.err.find("files of this machine"), std::string::npos) << output.err;
  }
}

}  // namespace
}  // namespace drover::cli
