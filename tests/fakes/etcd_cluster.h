// EtcdCluster: members of a real etcd (Debian's etcd-server) on loopback, as long as the test holds
// them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "fakes/own_network.h"
#include "fakes/temp_folder.h"
#include "messaging/etcd/client.h"

namespace drover::fakes {

/// The ports are fixed, because the program has its own loopback: a member that comes back is where
/// it was. Its elections are short, so that leases of one second are granted (half as much again as
/// an election).
class EtcdCluster {
 public:
  /// With TLS, of an authority of its own, members ask for a certificate and users may be made.
  explicit EtcdCluster(std::size_t members, bool tls = false) : tls_(tls), members_(members) {
    if (tls) {
      make_certificates();
    }
    for (std::size_t member = 0; member < members; ++member) {
      start(member);
    }
    await_answers();
  }
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;
  ~EtcdCluster() {
    for (std::size_t member = 0; member < members_.size(); ++member) {
      kill(member);
    }
  }

  /// With what it had before.
  void start(std::size_t member) {
    const std::string name = "m" + std::to_string(member);
    std::string all;
    for (std::size_t other = 0; other < members_.size(); ++other) {
      all += (other == 0 ? "m" : ",m") + std::to_string(other) + "=" + peer_url(other);
    }
    std::vector<std::string> argv = {"etcd",
                                     "--name",
                                     name,
                                     "--data-dir",
                                     folder_ / name,
                                     "--log-level",
                                     "error",
                                     "--heartbeat-interval",
                                     "50",
                                     "--election-timeout",
                                     "500",
                                     "--listen-client-urls",
                                     url(member),
                                     "--advertise-client-urls",
                                     url(member),
                                     "--listen-peer-urls",
                                     peer_url(member),
                                     "--initial-advertise-peer-urls",
                                     peer_url(member),
                                     "--initial-cluster",
                                     all};
    if (tls_) {
      argv.insert(argv.end(), {"--bcrypt-cost", "4", "--cert-file", folder_ / "member.crt",
                               "--key-file", folder_ / "member.key", "--client-cert-auth",
                               "--trusted-ca-file", folder_ / "ca.crt"});
    }
    const system::UniqueFd output(
        open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    system::ChildOptions options;
    options.dies_with_parent = true;
    options.descriptors = {{output.get(), STDOUT_FILENO}, {output.get(), STDERR_FILENO}};
    auto started = system::Child::start(argv, options);
    ASSERT_TRUE(started) << started.error().message;
    members_[member].emplace(std::move(*started));
  }
  void kill(std::size_t member) {
    if (members_[member]) {
      members_[member]->signal(SIGKILL);
      EXPECT_TRUE(members_[member]->wait(system::Stop(), std::chrono::seconds(20)));
      members_[member].reset();
    }
  }
  /// SIGSTOP: it takes connections and says nothing. SIGCONT.
  void signal(std::size_t member, int number) { members_[member]->signal(number); }
  /// Which of them leads now.
  std::size_t leader() {
    for (std::size_t member = 0; member < members_.size(); ++member) {
      etcd::Settings one = settings();
      one.endpoints = {url(member)};
      auto gateway = etcd::Gateway::make(one);
      const auto status = (*gateway)->call({"/maintenance/status", {}, true}, system::Stop());
      if (status && status->at("header").at("member_id") == status->at("leader")) {
        return member;
      }
    }
    ADD_FAILURE() << "no member leads";
    return 0;
  }

  std::string url(std::size_t member) const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(2379 + 10 * member);
  }
  etcd::Settings settings() const {
    etcd::Settings settings;
    for (std::size_t member = 0; member < members_.size(); ++member) {
      settings.endpoints.push_back(url(member));
    }
    if (tls_) {
      settings.ca_file = folder_ / "ca.crt";
      settings.certificate_file = folder_ / "client.crt";
      settings.key_file = folder_ / "client.key";
    }
    return settings;
  }
  std::filesystem::path folder() const { return folder_.path(); }

 private:
  std::string peer_url(std::size_t member) const {
    return "http://127.0.0.1:" + std::to_string(2380 + 10 * member);
  }
  std::filesystem::path log() const { return folder_ / "log"; }

  void await_answers() {
    auto gateway = etcd::Gateway::make(settings());
    ASSERT_TRUE(gateway) << gateway.error().message;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      const auto read = etcd::Client(**gateway).range({etcd::Keys::one("any")}, system::Stop());
      if (read) {
        return;
      }
      ASSERT_LT(std::chrono::steady_clock::now(), deadline)
          << read.error().message << "\netcd said: " << system::read_file(log()).value_or("");
      poll(nullptr, 0, 20);
    }
  }

  void make_certificates() {
    const std::vector<std::string> key = {
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"};
    const auto make = [&](std::vector<std::string> argv) {
      argv.insert(argv.end(), key.begin(), key.end());
      const auto made = system::run_ok(argv, system::Stop());
      ASSERT_TRUE(made) << made.error().message;
    };
    make({"openssl", "req", "-x509", "-subj", "/CN=authority", "-keyout", folder_ / "ca.key",
          "-out", folder_ / "ca.crt"});
    const auto sign = [&](const std::string& subject, const std::string& use, const char* name) {
      make({"openssl", "req", "-x509", "-subj", subject, "-CA", folder_ / "ca.crt", "-CAkey",
            folder_ / "ca.key", "-addext", "subjectAltName=IP:127.0.0.1", "-addext",
            "extendedKeyUsage=" + use, "-keyout", folder_ / (std::string(name) + ".key"), "-out",
            folder_ / (std::string(name) + ".crt")});
    };
    // Also of a client, because the gateway is one of its own member.
    sign("/CN=member", "serverAuth,clientAuth", "member");
    sign("/O=drover", "clientAuth", "client");
  }

  const bool tls_;
  TempFolder folder_;
  std::vector<std::optional<system::Child>> members_;
};

}  // namespace drover::fakes
