// Several servers of one cluster, some of which cannot be reached.
#include <gmock/gmock.h>

#include "api_fixture.h"
#include "fakes/hostile_api.h"
#include "fakes/listener.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;

/// Nobody listens there.
constexpr const char* kNobody = "https://127.0.0.1:1";

class FailoverTest : public ApiFixture {
 protected:
  Result<json::Value> allocate_at_the_other(const std::string& name) {
    client_ = node_.client();
    return allocate(name);
  }
  /// The node's own server is at `url`; the simulated one is another's.
  void make_client_beside(const std::string& url) {
    endpoint_.others = {endpoint_.server};
    endpoint_.server.url = url;
    make_client();
  }
};

TEST_F(FailoverTest, AnotherServerTakesWhatTheFirstCannot) {
  make_client_beside(kNobody);
  EXPECT_TRUE(version());
  const auto made = allocate("vm-9000-a.raw");
  EXPECT_TRUE(made) << to_text(made.error());
}

TEST_F(FailoverTest, AServerThatCannotBeReachedIsPassedOverForAWhile) {
  fakes::SimNode own;
  endpoint_.others = {node_.endpoint().server};
  endpoint_.server = own.endpoint().server;
  endpoint_.token_file = node_.endpoint().token_file;
  make_client();
  // Each has a token of its own, which tells who was asked.
  EXPECT_EQ(version().error().code, Code::refused);
  const std::string url = own.endpoint().server.url;
  own.end();
  EXPECT_TRUE(version());
  own.start_again();
  EXPECT_EQ(own.endpoint().server.url, url);
  EXPECT_TRUE(version()) << "the first was asked at once";
  clock_.advance(std::chrono::seconds(2));
  EXPECT_EQ(version().error().code, Code::refused) << "the first was not asked again";
}

TEST_F(FailoverTest, WhereNobodyCanBeReachedAllAreNamed) {
  node_.end();
  make_client_beside(kNobody);
  const auto failed = allocate("vm-9000-a.raw");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_THAT(failed.error().message, HasSubstr(kNobody));
  EXPECT_THAT(failed.error().message, HasSubstr(endpoint_.others.front().url));
}

TEST_F(FailoverTest, WhatAServerMayHaveTakenIsSentToNoOther) {
  const fakes::HostileApi own([](const fakes::HostileApi::Connection&) {});
  endpoint_.others = {endpoint_.server};
  endpoint_.server = {own.url(), own.fingerprint()};
  make_client();
  EXPECT_EQ(allocate("vm-9000-a.raw").error().code, Code::timed_out);
  EXPECT_EQ(own.requests(), 1);
  // The other one has it not; and what harms nobody is asked of it.
  EXPECT_TRUE(version());
  EXPECT_TRUE(allocate_at_the_other("vm-9000-a.raw"));
}

TEST_F(FailoverTest, OneThatTakesConnectionsAndSaysNothingWasNotReached) {
  const fakes::Listener silent;
  endpoint_.timeout = std::chrono::seconds(5);
  make_client_beside(silent.url());
  // Without TLS nothing of the request was sent.
  const auto made = allocate("vm-9000-a.raw");
  EXPECT_TRUE(made) << to_text(made.error());
}

TEST_F(FailoverTest, AnotherThatIsNotTrustedLeavesTheFirstToBeTriedAgain) {
  make_client_beside(kNobody);
  std::string& fingerprint = endpoint_.others.front().fingerprint;
  fingerprint.front() = fingerprint.front() == 'A' ? 'B' : 'A';
  make_client();
  const auto failed = version();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_THAT(failed.error().message, HasSubstr("not the one that is trusted"));
}

TEST_F(FailoverTest, APasswordOfTheNodeIsToldToNoOther) {
  endpoint_ = node_.endpoint_by_password();
  make_client_beside(kNobody);
  EXPECT_EQ(version().error().code, Code::unavailable);
}

TEST_F(FailoverTest, AServerThatIsNotTrustedIsToldAndNotPassedOver) {
  make_client_beside(endpoint_.server.url);
  endpoint_.server.fingerprint.front() = endpoint_.server.fingerprint.front() == 'A' ? 'B' : 'A';
  make_client();
  EXPECT_EQ(version().error().code, Code::refused);
}

TEST_F(FailoverTest, EveryServerIsOneThatCanBeTrusted) {
  endpoint_.others = {{"https://127.0.0.1:8006", ""}};
  EXPECT_EQ(make_https_client(endpoint_, clock_).error().code, Code::invalid);
  endpoint_.others = {{"http://127.0.0.1:8006", endpoint_.server.fingerprint}};
  EXPECT_EQ(make_https_client(endpoint_, clock_).error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::proxmox
