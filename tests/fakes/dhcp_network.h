// A DHCP server on a bridge of the test's network namespace (busybox's udhcpd), and the daemon of
// the CNI plugin dhcp. Both end with the object, or when the test says so.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "runtimes/network/dhcp_daemon.h"

namespace drover::fakes {

class DhcpNetwork {
 public:
  /// `folder`: for its files; `socket`: of the daemon. The bridge has an address already.
  DhcpNetwork(system::Path folder, std::string bridge, system::Path socket)
      : folder_(std::move(folder)), bridge_(std::move(bridge)), socket_(std::move(socket)) {}
  ~DhcpNetwork() {
    end_server();
    end_daemon();
  }
  DhcpNetwork(const DhcpNetwork&) = delete;
  DhcpNetwork& operator=(const DhcpNetwork&) = delete;

  /// Gives out the addresses, knowing of no lease that it has given before.
  void serve(const std::string& first, const std::string& last, const std::string& router) {
    end_server();
    const system::Path leases = folder_ / "udhcpd.leases";
    const system::Path config = folder_ / "udhcpd.conf";
    std::ofstream(leases, std::ios::trunc) << "";
    std::ofstream(config) << "interface " << bridge_ << "\nstart " << first << "\nend " << last
                          << "\nlease_file " << leases.native() << "\npidfile "
                          << (folder_ / "udhcpd.pid").native()
                          << "\noption subnet 255.255.255.0\noption router " << router
                          << "\noption dns 192.0.2.53\noption domain lan.example\n"
                          << "option lease 600\n";
    server_ = start({"busybox", "udhcpd", "-f", "-a", "20", config.native()});
  }
  void end_server() { end(server_); }

  /// As its unit does (packaging/debian/drover.drover-cni-dhcp.service).
  void start_daemon() {
    std::filesystem::create_directories(socket_.parent_path());
    std::filesystem::remove(socket_);
    daemon_ = start({"/usr/lib/cni/dhcp", "daemon", "-socketpath", socket_.native(), "-timeout",
                     "5s", "-resendmax", "4s"});
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!runtimes::dhcp_daemon(socket_) && std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(runtimes::dhcp_daemon(socket_));
  }
  void end_daemon() { end(daemon_); }

 private:
  static std::optional<system::Child> start(const std::vector<std::string>& argv) {
    system::ChildOptions options;
    options.dies_with_parent = true;
    auto started = system::Child::start(argv, options);
    EXPECT_TRUE(started) << started.error().message;
    return started ? std::optional(std::move(*started)) : std::nullopt;
  }
  static void end(std::optional<system::Child>& child) {
    if (child) {
      child->signal(SIGKILL);
      const system::Stop never;
      [[maybe_unused]] const auto ended = child->wait(never);
      child.reset();
    }
  }

  system::Path folder_;
  std::string bridge_;
  system::Path socket_;
  std::optional<system::Child> server_;
  std::optional<system::Child> daemon_;
};

}  // namespace drover::fakes
