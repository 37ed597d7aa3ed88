// HostileApi: an HTTPS server that answers every request as a test wants it, however wrong.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "agent/system/stop.h"
#include "agent/system/unique_fd.h"
#include "fakes/listener.h"
#include "fakes/temp_folder.h"
#include "tests/pve-sim/certificate.h"

namespace drover::fakes {

class HostileApi {
 public:
  /// One connection after its request's head was read.
  class Connection {
   public:
    Connection(SSL* ssl, const system::Stop& stop, std::atomic<int>& requests)
        : ssl_(ssl), stop_(stop), requests_(requests) {}
    /// False once nobody listens any more.
    bool send(std::string_view text) const {
      return !stop_.requested() && SSL_write(ssl_, text.data(), static_cast<int>(text.size())) ==
                                       static_cast<int>(text.size());
    }
    /// Reads the head of one more request; false when none comes.
    bool await_request() const {
      const bool came = read_head(ssl_);
      requests_ += came ? 1 : 0;
      return came;
    }
    /// Says nothing until the test ends.
    void hold() const {
      pollfd ended{stop_.fd(), POLLIN, 0};
      poll(&ended, 1, -1);
    }

   private:
    SSL* ssl_;
    const system::Stop& stop_;
    std::atomic<int>& requests_;
  };
  /// Called on the server's thread; the connection is closed without a word when it returns.
  using Behaviour = std::function<void(const Connection&)>;

  /// On `address`, which its certificate names only when it is 127.0.0.1.
  explicit HostileApi(Behaviour behaviour, const char* address = "127.0.0.1")
      : behaviour_(std::move(behaviour)), listener_(address) {
    signal(SIGPIPE, SIG_IGN);
    fingerprint_ = pve_sim::make_certificate(folder_.path()).value();
    context_.reset(SSL_CTX_new(TLS_server_method()));
    EXPECT_EQ(SSL_CTX_use_certificate_file(context_.get(), ca_file().c_str(), SSL_FILETYPE_PEM), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), (folder_ / "key.pem").c_str(),
                                          SSL_FILETYPE_PEM),
              1);
    thread_ = std::thread([this] { serve(); });
  }
  ~HostileApi() {
    stop_.request();
    thread_.join();
  }
  HostileApi(const HostileApi&) = delete;
  HostileApi& operator=(const HostileApi&) = delete;

  std::string url() const { return listener_.url(); }
  const std::string& fingerprint() const { return fingerprint_; }
  std::string ca_file() const { return folder_ / "cert.pem"; }
  /// How many requests have come.
  int requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      pollfd waits[] = {{listener_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
      poll(waits, 2, -1);
      if (stop_.requested()) {
        return;
      }
      const system::UniqueFd connection(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      // Whoever says nothing must not keep it from its end.
      const timeval patience{5, 0};
      setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context_.get()), SSL_free);
      SSL_set_fd(ssl.get(), connection.get());
      if (SSL_accept(ssl.get()) == 1 && read_head(ssl.get())) {
        ++requests_;
        behaviour_(Connection(ssl.get(), stop_, requests_));
      }
    }
  }
  static bool read_head(SSL* ssl) {
    std::string head;
    char c = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (SSL_read(ssl, &c, 1) != 1) {
        return false;
      }
      head.push_back(c);
    }
    return true;
  }

  const Behaviour behaviour_;
  const Listener listener_;
  TempFolder folder_;
  std::string fingerprint_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_{nullptr, SSL_CTX_free};
  system::Stop stop_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

}  // namespace drover::fakes
