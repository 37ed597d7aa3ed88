// An API that is broken, or not what it says: it costs a request a clear error, and nothing else.
#include "fakes/hostile_api.h"

#include <gmock/gmock.h>

#include "proxmox/guests.h"
#include "proxmox/ipam.h"
#include "proxmox/network.h"
#include "proxmox/storage.h"
#include "proxmox/vnets.h"

namespace drover::proxmox {
namespace {

using fakes::HostileApi;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPath = "/nodes/pve1/lxc/100/status/start";

class HostileApiTest : public testing::Test {
 protected:
  HostileApiTest() {
    token_ = folder_ / "token";
    std::ofstream(token_) << "root@pam!agent=not-for-others";
    std::filesystem::permissions(token_, std::filesystem::perms::owner_read);
  }
  void talk_to(const HostileApi& api) {
    Endpoint endpoint;
    endpoint.server = {api.url(), api.fingerprint()};
    endpoint.node = "pve1";
    endpoint.token_file = token_;
    endpoint.timeout = timeout_;
    client_ = make_https_client(endpoint, clock_).value();
  }
  Error get(const HostileApi& api) {
    talk_to(api);
    const auto answer = client_->get("/version", {}, stop_);
    return answer ? Error{} : answer.error();
  }
  Error post(const HostileApi& api) {
    talk_to(api);
    const auto answer = client_->post(kPath, {}, stop_);
    return answer ? Error{} : answer.error();
  }
  static HostileApi::Behaviour saying(std::string text) {
    return [text = std::move(text)](const HostileApi::Connection& to) { to.send(text); };
  }
  static HostileApi::Behaviour answering(const std::string& body) {
    return saying(
        fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
  }

  fakes::TempFolder folder_;
  std::filesystem::path token_;
  std::chrono::milliseconds timeout_{20'000};
  system::SystemClock clock_;
  std::unique_ptr<Client> client_;
  const system::Stop stop_;
};

TEST_F(HostileApiTest, AnAnswerThatIsCutOffLeavesAWriteUnsure) {
  const HostileApi api(saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":"));
  EXPECT_EQ(post(api).code, Code::timed_out);
  EXPECT_EQ(api.requests(), 1) << "it was sent again";
  EXPECT_EQ(get(api).code, Code::unavailable);
}

TEST_F(HostileApiTest, AConnectionThatIsClosedWithoutAWordLeavesAWriteUnsure) {
  const HostileApi api([](const HostileApi::Connection&) {});
  EXPECT_EQ(post(api).code, Code::timed_out);
  EXPECT_EQ(api.requests(), 1) << "it was sent again";
}

TEST_F(HostileApiTest, AWriteIsNotRepeatedWhereAKeptConnectionIsClosed) {
  const HostileApi api([](const HostileApi::Connection& to) {
    to.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"data\":1}");
    to.await_request();
  });
  talk_to(api);
  ASSERT_TRUE(client_->get("/version", {}, stop_));
  const auto answer = client_->post(kPath, {}, stop_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_THAT(answer.error().message, HasSubstr("closed"));
  EXPECT_EQ(api.requests(), 2) << "it was sent again";
  // A read is.
  ASSERT_TRUE(client_->get("/version", {}, stop_));
  EXPECT_TRUE(client_->get("/version", {}, stop_));
}

TEST_F(HostileApiTest, AnAnswerThatDoesNotComeLeavesAWriteUnsure) {
  timeout_ = std::chrono::seconds(3);
  const HostileApi api([](const HostileApi::Connection& to) { to.hold(); });
  EXPECT_EQ(post(api).code, Code::timed_out);
}

TEST_F(HostileApiTest, AnAnswerThatDripsEndsWithTheDeadline) {
  timeout_ = std::chrono::seconds(3);
  const HostileApi api([](const HostileApi::Connection& to) {
    to.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (to.send(" ")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  EXPECT_EQ(post(api).code, Code::timed_out);
}

TEST_F(HostileApiTest, ABodyWithoutEndIsCutAtItsBound) {
  const std::string much(std::size_t{1} << 20, ' ');
  const HostileApi api([&much](const HostileApi::Connection& to) {
    to.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    while (to.send(much)) {
    }
  });
  const Error error = post(api);
  EXPECT_EQ(error.code, Code::broken);
  EXPECT_THAT(error.message, HasSubstr("larger than"));
}

TEST_F(HostileApiTest, ChunksWithoutEndAreCutAtTheirBound) {
  const std::string chunk = "100000\r\n" + std::string(std::size_t{1} << 20, ' ') + "\r\n";
  const HostileApi api([&chunk](const HostileApi::Connection& to) {
    to.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (to.send(chunk)) {
    }
  });
  EXPECT_EQ(post(api).code, Code::broken);
}

TEST_F(HostileApiTest, HeadersWithoutEndAreCut) {
  timeout_ = std::chrono::seconds(3);
  const std::string header = "X-More: " + std::string(10'000, 'x') + "\r\n";
  const HostileApi api([&header](const HostileApi::Connection& to) {
    to.send("HTTP/1.1 200 OK\r\n");
    while (to.send(header)) {
    }
  });
  EXPECT_EQ(post(api).code, Code::timed_out);
}

TEST_F(HostileApiTest, WhatIsNoHttpIsToldAsSuch) {
  const HostileApi api(saying("220 mail.example ESMTP\r\n"));
  EXPECT_EQ(post(api).code, Code::timed_out);
}

TEST_F(HostileApiTest, ARedirectIsNotFollowed) {
  const HostileApi elsewhere(answering(R"({"data":1})"));
  const HostileApi api(saying("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() +
                              "/\r\nContent-Length: 0\r\n\r\n"));
  const Error error = get(api);
  EXPECT_EQ(error.code, Code::broken);
  EXPECT_THAT(error.message, HasSubstr("302"));
  EXPECT_EQ(elsewhere.requests(), 0);
}

TEST_F(HostileApiTest, ACertificateOfAnotherHostIsRefusedBeforeTheTokenIsShown) {
  const HostileApi api(answering(R"({"data":1})"), "127.0.0.2");
  Endpoint endpoint;
  endpoint.server = {api.url(), ""};
  endpoint.ca_file = api.ca_file();
  endpoint.token_file = token_;
  const auto answer = make_https_client(endpoint, clock_).value()->get("/version", {}, stop_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::refused);
  EXPECT_EQ(api.requests(), 0);
}

TEST_F(HostileApiTest, WhatIsNoJsonOrTooDeepIsTheApisFault) {
  for (const std::string& body :
       {std::string("<html>"), std::string(), std::string(100'000, '['),
        R"({"data":)" + std::string(100'000, '['), std::string("[1]"), std::string("{}")}) {
    const HostileApi api(answering(body));
    EXPECT_EQ(get(api).code, Code::broken) << body.substr(0, 20);
  }
}

TEST_F(HostileApiTest, AnErrorsTextIsFitForTerminalsAndEvents) {
  const HostileApi api(saying("HTTP/1.1 500 \x1b[31mred\xff\x7f\r\nContent-Length: 0\r\n\r\n"));
  const Error error = get(api);
  EXPECT_THAT(error.message, HasSubstr("[31mred"));
  EXPECT_THAT(error.message, Not(HasSubstr("\x1b")));
  EXPECT_THAT(error.message, Not(HasSubstr("\xff")));
  EXPECT_THAT(error.message, Not(HasSubstr("\x7f")));
  EXPECT_THAT(error.message, Not(HasSubstr("not-for-others")));
}

TEST_F(HostileApiTest, AnAnswerOfAnotherTypeIsTheApisFault) {
  for (const char* data : {"7", "null", "\"text\"", "{}", "true"}) {
    const HostileApi api(answering(fmt::format(R"({{"data":{}}})", data)));
    talk_to(api);
    Tasks tasks(*client_, clock_);
    Storage storage(*client_, tasks);
    Guests guests(*client_, tasks);
    Network network(*client_);
    EXPECT_EQ(storage.list(stop_).error().code, Code::broken) << data;
    EXPECT_EQ(storage.owned_by("local", Vmid{100}, stop_).error().code, Code::broken) << data;
    EXPECT_EQ(guests.list(stop_).error().code, Code::broken) << data;
    EXPECT_EQ(network.bridges(stop_).error().code, Code::broken) << data;
    EXPECT_EQ(tasks.running(stop_).error().code, Code::broken) << data;
    EXPECT_EQ(tasks.ended(Vmid{100}, stop_).error().code, Code::broken) << data;
  }
  const HostileApi api(answering(R"({"data":[1,"x",null,[],{"vmid":"x","storage":7}]})"));
  talk_to(api);
  Tasks tasks(*client_, clock_);
  EXPECT_EQ(Guests(*client_, tasks).list(stop_).error().code, Code::broken);
  EXPECT_TRUE(Storage(*client_, tasks).list(stop_));
  EXPECT_TRUE(Network(*client_).bridges(stop_));
  EXPECT_TRUE(tasks.running(stop_));
}

TEST_F(HostileApiTest, WhatIsNoSdnMakesNoVnetAndKeepsNoLock) {
  for (const char* data :
       {"{}", "\"x\"", "[1,null,[],{\"vnet\":5,\"zone\":{},\"pending\":[],\"state\":7}]",
        "[{\"vnet\":\"web\",\"zone\":\"web\",\"alias\":\"drover:vnet:web\",\"subnet\":\"x\","
        "\"gateway\":\"y\",\"ipam\":\"pve\"}]"}) {
    const HostileApi api(answering("{\"data\":" + std::string(data) + "}"));
    talk_to(api);
    const std::filesystem::path kept = folder_ / "lock";
    Vnets vnets(*client_, clock_, kept);
    EXPECT_FALSE(vnets.make({.name = "web", .zone = "web"}, stop_)) << data;
    EXPECT_FALSE(std::filesystem::exists(kept)) << data;
    const Result<std::optional<Vnets::Known>> known = vnets.look_at("web", stop_);
    EXPECT_TRUE(!known || !*known || (*known)->vnet.address.empty()) << data;
    const Result<std::optional<IpamVnet>> vnet = Ipam(*client_).vnet("web", stop_);
    EXPECT_TRUE(!vnet || !*vnet) << data;
    EXPECT_FALSE(SdnLock(*client_, clock_, kept).take(false, "test", stop_) &&
                 data != std::string("\"x\""))
        << "a token is a text";
    std::filesystem::remove(kept);
  }
}

}  // namespace
}  // namespace drover::proxmox
