#include "runtimes/network/dhcp_inform.h"

#include <gmock/gmock.h>

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kAsked = 0x01020304;

/// A server's answer with these options.
std::string answer(const std::string& options, std::uint32_t transaction = kAsked) {
  std::string packet = dhcp_inform(transaction, "192.0.2.9", "02:00:00:00:00:07").substr(0, 240);
  packet.front() = 2;
  return packet + options;
}

TEST(DhcpInform, SaysWhoAsksAndForWhat) {
  const std::string packet = dhcp_inform(kAsked, "192.0.2.9", "02:00:00:00:ab:07");
  EXPECT_EQ(packet.size(), 300U);
  EXPECT_EQ(packet.substr(0, 8), std::string("\x01\x01\x06\0\x01\x02\x03\x04", 8));
  EXPECT_EQ(packet.substr(12, 4), std::string("\xc0\0\x02\x09", 4));
  EXPECT_EQ(packet.substr(28, 6), std::string("\x02\0\0\0\xab\x07", 6));
  EXPECT_EQ(packet.substr(236, 12), "\x63\x82\x53\x63\x35\x01\x08\x37\x02\x06\x0f\xff");
}

TEST(DhcpInform, AnAnswersResolversAndDomainAreRead) {
  const auto dns =
      read_dhcp_answer(answer(std::string("\x35\x01\x05\0\x06\x08\xc0\0\x02\x35\x0a\0\0\x01\x0f\x0b"
                                          "lan.example\xff rest",
                                          33)),
                       kAsked);
  ASSERT_TRUE(dns);
  EXPECT_THAT(dns->servers, ElementsAre("192.0.2.53", "10.0.0.1"));
  EXPECT_THAT(dns->search, ElementsAre("lan.example"));
  const auto none = read_dhcp_answer(answer("\x35\x01\x05\xff"), kAsked);
  ASSERT_TRUE(none);
  EXPECT_EQ(*none, DnsSpec());
}

TEST(DhcpInform, ANameThatWouldAddLinesToAFileIsNone) {
  const auto dns = read_dhcp_answer(answer("\x35\x01\x05\x0f\x05"
                                           "a\nb c"),
                                    kAsked);
  ASSERT_TRUE(dns);
  EXPECT_THAT(dns->search, IsEmpty());
}

TEST(DhcpInform, WhatIsNoAnswerIsNone) {
  const std::string whole = answer("\x35\x01\x05\xff");
  EXPECT_FALSE(read_dhcp_answer(whole, kAsked + 1)) << "another's";
  EXPECT_FALSE(read_dhcp_answer(answer("\x35\x01\x06\xff"), kAsked)) << "DHCPNAK";
  EXPECT_FALSE(read_dhcp_answer(answer("\xff"), kAsked)) << "BOOTP";
  EXPECT_FALSE(read_dhcp_answer(answer("\x35\x01\x05\x06\x08\x01"), kAsked)) << "cut off";
  EXPECT_FALSE(read_dhcp_answer(dhcp_inform(kAsked, "192.0.2.9", ""), kAsked)) << "a request";
  for (std::size_t size = 0; size < 240; size += 7) {
    EXPECT_FALSE(read_dhcp_answer(std::string_view(whole).substr(0, size), kAsked));
  }
}

}  // namespace
}  // namespace drover::runtimes
