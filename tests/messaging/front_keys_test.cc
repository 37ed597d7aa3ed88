#include "messaging/front_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::messaging {
namespace {

using testing::HasSubstr;
using testing::Not;

KeyPair pair_of_keys() {
  return {PublicKey::parse("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7").value(),
          SecretKey::parse("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6").value()};
}

FrontKeys keys_of(AllowList allowed) {
  return {"192.0.2.1", 7117, 7122, pair_of_keys(), std::nullopt, std::move(allowed)};
}

TEST(FrontKeysTest, AreReadAsTheyWereWritten) {
  AllowList list;
  ASSERT_TRUE(list.add({KeyName::parse("ci").value(),
                        pair_of_keys().public_key,
                        {KeyRole::submit},
                        {5, 6, 7},
                        {"web-*"},
                        {{"team", "web"}}}));
  FrontKeys keys = keys_of(list);
  for (const bool changing : {false, true}) {
    keys.next = changing ? std::optional(pair_of_keys()) : std::nullopt;
    const Result<FrontKeys> read = read_front_keys(write_front_keys(keys));
    ASSERT_TRUE(read) << to_text(read.error());
    EXPECT_EQ(read->address, "192.0.2.1");
    EXPECT_EQ(read->port, 7117);
    EXPECT_EQ(read->next_port, 7122);
    EXPECT_EQ(read->server, keys.server);
    EXPECT_EQ(read->next, keys.next);
    const AllowedKey* ci = read->allowed.find("ci");
    ASSERT_NE(ci, nullptr);
    EXPECT_TRUE(ci->may(KeyRole::submit));
    EXPECT_EQ(ci->limits, (KeyLimits{0, 0, 7}));
    EXPECT_TRUE(ci->names.empty() && ci->labels.empty());
  }
}

TEST(FrontKeysTest, TheLargestAllowListFitsARecord) {
  AllowList list;
  for (std::size_t i = 0; i < kMostAllowedKeys; ++i) {
    KeyBytes bytes{1};
    bytes[30] = static_cast<std::uint8_t>(i >> 8);
    bytes[31] = static_cast<std::uint8_t>(i & 0xff);
    const std::string number = std::to_string(i);
    ASSERT_TRUE(list.add(
        {KeyName::parse(std::string(63 - number.size(), 'k') + number).value(),
         public_key_of(bytes).value(),
         {KeyRole::observe, KeyRole::submit, KeyRole::admin, KeyRole::dispatch, KeyRole::agent},
         {1'000'000, 1'000'000, 256},
         std::vector<std::string>(64, std::string(256, '*')),
         {}}));
  }
  FrontKeys keys = keys_of(list);
  keys.next = pair_of_keys();
  keys.servers.assign(16, DispatchServer{"", 65'535, std::string(63, 'd')});
  for (std::size_t i = 0; i < keys.servers.size(); ++i) {
    keys.servers[i].address = fmt::format("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff{:02x}", i);
  }
  const Record record = write_front_keys(keys);
  std::string packet;
  const Result<> encoded = encode(record, packet);
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_EQ(read_front_keys(record).value().allowed.keys().size(), kMostAllowedKeys);
}

TEST(FrontKeysTest, WithoutAnAddressThereMayBeDispatchers) {
  FrontKeys keys = keys_of({});
  keys.address = "";
  keys.servers = {{"192.0.2.9", 7130, "d1"}, {"2001:db8::9", 7131, "d2"}};
  const Result<FrontKeys> read = read_front_keys(write_front_keys(keys));
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->address, "");
  EXPECT_EQ(read->servers, keys.servers);
}

TEST(FrontKeysTest, WhatIsNoneIsInvalidAndSaysNothingOfASecret) {
  const Record whole = write_front_keys(keys_of({}));
  for (const char* member : {"kind", "address", "port", "next_port"}) {
    Record record = whole;
    record.header.erase(member);
    EXPECT_EQ(read_front_keys(record).error().code, Code::invalid) << member;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, whole.body.size() - 1}) {
    Record record = whole;
    record.body.resize(size);
    const Result<FrontKeys> read = read_front_keys(record);
    ASSERT_FALSE(read);
    EXPECT_THAT(to_text(read.error()), Not(HasSubstr("JTKVSB")));
  }
}

}  // namespace
}  // namespace drover::messaging
