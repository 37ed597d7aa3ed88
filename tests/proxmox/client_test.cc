// The HTTPS client against the simulator and against servers that misbehave.
#include "proxmox/client.h"

#include <gmock/gmock.h>
#include <sys/mount.h>

#include <fstream>
#include <thread>

#include "fakes/listener.h"
#include "fakes/sim_node.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;
using testing::Not;

class ClientTest : public testing::Test {
 protected:
  Result<json::Value> version(const Endpoint& endpoint) {
    const std::unique_ptr<Client> client = TRY(make_https_client(endpoint, clock_));
    return client->get("/version", {}, stop_);
  }
  std::string write_token(const std::string& text, mode_t mode = 0600) {
    const auto path = folder_ / "token";
    std::ofstream(path) << text;
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
    return path;
  }

  fakes::SimNode node_;
  fakes::TempFolder folder_;
  system::SystemClock clock_;
  system::Stop stop_;
};

TEST_F(ClientTest, AsksWithTokenAndPinnedFingerprint) {
  const auto answer = version(node_.endpoint());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->at("version").string_or("").empty());
}

TEST_F(ClientTest, TrustsACaFileInsteadOfAFingerprint) {
  Endpoint endpoint = node_.endpoint();
  endpoint.server.fingerprint.clear();
  endpoint.ca_file = node_.ca_file();
  const auto answer = version(endpoint);
  EXPECT_TRUE(answer) << answer.error().message;
}

TEST_F(ClientTest, AnotherCertificateIsRefusedBeforeTheTokenIsShown) {
  Endpoint endpoint = node_.endpoint();
  endpoint.server.fingerprint.front() = endpoint.server.fingerprint.front() == 'A' ? 'B' : 'A';
  const auto answer = version(endpoint);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::refused);
  EXPECT_THAT(answer.error().message, HasSubstr("its fingerprint"));

  endpoint.server.fingerprint.clear();
  endpoint.ca_file = "/etc/ssl/certs/ca-certificates.crt";
  EXPECT_EQ(version(endpoint).error().code, Code::refused);
}

TEST_F(ClientTest, WhomTheSystemTrustsIsNotTrustedBesideTheCaFile) {
  // The system's authorities: the node's own, by its hash, as c_rehash(1) links them.
  ASSERT_EQ(mount("tmpfs", "/etc/ssl/certs", "tmpfs", 0, nullptr), 0);
  std::filesystem::copy(node_.ca_file(), "/etc/ssl/certs/node.pem");
  std::filesystem::copy(node_.ca_file(), "/etc/ssl/certs/ca-certificates.crt");
  ASSERT_TRUE(system::run_ok({"openssl", "rehash", "/etc/ssl/certs"}, stop_));
  const std::string other = folder_ / "other.pem";
  ASSERT_TRUE(system::run_ok(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-subj", "/CN=other", "-keyout", folder_ / "key.pem", "-out", other},
      stop_));
  Endpoint endpoint = node_.endpoint();
  endpoint.server.fingerprint.clear();
  endpoint.ca_file = other;
  EXPECT_EQ(version(endpoint).error().code, Code::refused);
  EXPECT_EQ(umount("/etc/ssl/certs"), 0);
}

TEST_F(ClientTest, AServerIsNeverTrustedUnseen) {
  Endpoint endpoint = node_.endpoint();
  endpoint.server.fingerprint.clear();
  EXPECT_EQ(make_https_client(endpoint, clock_).error().code, Code::invalid);
  endpoint = node_.endpoint();
  endpoint.server.url = "http://127.0.0.1:8006";
  EXPECT_EQ(make_https_client(endpoint, clock_).error().code, Code::invalid);
}

TEST_F(ClientTest, AWrongTokenIsRefusedAndNeverShown) {
  Endpoint endpoint = node_.endpoint();
  endpoint.token_file = write_token("root@pam!drover=00000000-0000-0000-0000-000000000000");
  const auto answer = version(endpoint);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::refused);
  EXPECT_THAT(answer.error().message, Not(HasSubstr("0000-0000")));
}

TEST_F(ClientTest, ATokenFileThatOthersMayReadOrThatHoldsNoneIsNotUsed) {
  Endpoint endpoint = node_.endpoint();
  endpoint.token_file = write_token("root@pam!drover=secret", 0644);
  EXPECT_EQ(make_https_client(endpoint, clock_).error().code, Code::refused);
  endpoint.token_file = write_token("swordfish");
  const auto made = make_https_client(endpoint, clock_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, Not(HasSubstr("swordfish")));
}

TEST_F(ClientTest, ParametersComeThroughWhateverTheyHold) {
  const auto client = node_.client();
  const auto answer = client->post(
      "/nodes/pve1/storage/local/content",
      {{"vmid", "9000"}, {"filename", "a=b;c&d +.raw"}, {"size", "1M"}, {"format", "raw"}}, stop_);
  // The simulator refuses the name or makes it, but must have read it whole.
  const std::string told = answer ? std::string(answer->string_or("")) : answer.error().message;
  EXPECT_THAT(told, testing::AnyOf(HasSubstr("a=b;c&d +"), HasSubstr("filename")));
}

TEST_F(ClientTest, NobodyThereIsUnavailable) {
  Endpoint endpoint = node_.endpoint();
  endpoint.server.url = "https://127.0.0.1:1";
  EXPECT_EQ(version(endpoint).error().code, Code::unavailable);
}

TEST_F(ClientTest, AStopEndsARequestThatIsNotAnswered) {
  const fakes::Listener silent;
  Endpoint endpoint = node_.endpoint();
  endpoint.server.url = silent.url();
  std::thread stopper([this] { stop_.request(); });
  const auto answer = version(endpoint);
  stopper.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::cancelled);
}

TEST_F(ClientTest, AConnectionHasADeadline) {
  const fakes::Listener silent;
  Endpoint endpoint = node_.endpoint();
  endpoint.server.url = silent.url();
  endpoint.timeout = std::chrono::milliseconds(50);
  const auto client = make_https_client(endpoint, clock_).value();
  const auto answer = client->post("/nodes/pve1/lxc/100/status/start", {}, stop_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST_F(ClientTest, ManyThreadsShareOneClient) {
  const auto client = node_.client();
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) {
        answered += client->get("/version", {}, stop_) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(answered, 20);
}

}  // namespace
}  // namespace drover::proxmox
