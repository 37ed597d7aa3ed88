#include "agent/core/curve_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// The keys of zmq_curve(7).
constexpr std::string_view kPublic = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
constexpr std::string_view kSecret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

TEST(CurveKeyTest, BytesHaveTheTextThatLibzmqGivesThem) {
  const KeyBytes bytes{0x54, 0xfc, 0xba, 0x24, 0xe9, 0x32, 0x49, 0x96, 0x93, 0x16, 0xfb,
                       0x61, 0x7c, 0x87, 0x2b, 0xb0, 0xc1, 0xd1, 0xff, 0x14, 0x80, 0x04,
                       0x27, 0xc5, 0x94, 0xcb, 0xfa, 0xcf, 0x1b, 0xc2, 0xd6, 0x52};
  const Result<PublicKey> key = public_key_of(bytes);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->str(), kPublic);
  KeyBytes most{};
  most.fill(0xff);
  ASSERT_TRUE(public_key_of(most));
  EXPECT_TRUE(PublicKey::parse(public_key_of(most)->str()));
  EXPECT_FALSE(public_key_of(KeyBytes{}));
}

TEST(CurveKeyTest, OnlyA85TextOfAKeysLengthIsOne) {
  EXPECT_TRUE(PublicKey::parse(kPublic));
  const std::string key(kPublic);
  for (const std::string& text :
       {std::string(), key.substr(1), key + "0", key + "\n", " " + key.substr(1),
        key.substr(0, 39) + "\"", key.substr(0, 39) + "'", key.substr(0, 39) + "\\",
        key.substr(0, 39) + std::string(1, '\0'), key.substr(0, 35) + "#####",
        std::string(40, '0')}) {
    EXPECT_FALSE(PublicKey::parse(text)) << text;
    EXPECT_FALSE(SecretKey::parse(text)) << text;
  }
  EXPECT_TRUE(PublicKey::parse(key.substr(0, 35) + "%nSc0"));  // 2^32 - 1
  EXPECT_FALSE(PublicKey::parse(key.substr(0, 35) + "%nSc1"));
}

TEST(CurveKeyTest, AKeyFileIsReadAsItWasWritten) {
  const KeyPair pair{PublicKey::parse(kPublic).value(), SecretKey::parse(kSecret).value()};
  const Result<KeyPair> read = KeyPair::parse(pair.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, pair);
  EXPECT_EQ(read->secret_key.text(), kSecret);
}

TEST(CurveKeyTest, AKeyFilesFaultsNameTheMemberAndNeverTheSecret) {
  const std::string secret(kSecret);
  const auto fault = [](const std::string& text) {
    const Result<KeyPair> read = KeyPair::parse(text);
    EXPECT_FALSE(read) << text;
    return read ? std::string() : to_text(read.error());
  };
  EXPECT_THAT(fault("{}"),
              AllOf(HasSubstr("/public: is missing"), HasSubstr("/secret: is missing")));
  EXPECT_THAT(fault(R"({"public":1,"secret":[]})"),
              AllOf(HasSubstr("/public"), HasSubstr("/secret")));
  EXPECT_THAT(
      fault("{\"public\":\"" + std::string(kPublic) + "\",\"secret\":\"" + secret + "x\"}"),
      AllOf(HasSubstr("/secret (line 1): must be a key"), Not(HasSubstr(secret.substr(0, 8)))));
  EXPECT_THAT(fault("{\"public\":\"short\",\"secret\":\"" + secret + "\",\"more\":1}"),
              AllOf(HasSubstr("/public"), HasSubstr("/more"), Not(HasSubstr(secret.substr(0, 8)))));
  EXPECT_THAT(fault("{\"public\":\"" + std::string(kPublic) + "\",\"secret\":\"" + secret),
              Not(HasSubstr(secret.substr(0, 8))));
  EXPECT_THAT(fault("[\"" + secret + "\"]"), Not(HasSubstr(secret.substr(0, 8))));
}

}  // namespace
}  // namespace drover
