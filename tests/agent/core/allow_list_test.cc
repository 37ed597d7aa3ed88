#include "agent/core/allow_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr const char* kCi = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
constexpr const char* kDesk = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

std::string one(const std::string& members) {
  return R"({"keys":[{"name":"ci","key":")" + std::string(kCi) + R"(","roles":["submit"])" +
         (members.empty() ? "" : "," + members) + "}]}";
}

std::vector<std::string> pointers_of(const std::string& text) {
  const Result<AllowList> list = AllowList::parse(text);
  std::vector<std::string> pointers;
  if (!list) {
    EXPECT_EQ(list.error().code, Code::invalid);
    for (const Fault& fault : list.error().faults) {
      pointers.push_back(fault.pointer);
    }
  }
  return pointers;
}

AllowedKey key_of(const std::string& members) {
  const Result<AllowList> list = AllowList::parse(one(members));
  EXPECT_TRUE(list) << to_text(list.error());
  return list.value().keys().at(0);
}

TEST(AllowListTest, HasEachKeyByItsNameAndByItself) {
  const Result<AllowList> list = AllowList::parse(
      R"({"keys":[{"name":"ci","key":")" + std::string(kCi) +
      R"(","roles":["submit","observe"],"limits":{"jobs_per_second":50,"queued":9,"message_kib":64},)"
      R"("names":["web-*"],"labels":{"team":"w*"}},{"name":"ops@desk","key":")" +
      std::string(kDesk) + R"(","roles":["admin"]}]})");
  ASSERT_TRUE(list) << to_text(list.error());
  const AllowedKey* ci = list->find("ci");
  ASSERT_NE(ci, nullptr);
  EXPECT_EQ(ci, list->find(PublicKey::parse(kCi).value()));
  EXPECT_EQ(ci->limits, (KeyLimits{50, 9, 64}));
  EXPECT_THAT(ci->names, ElementsAre("web-*"));
  EXPECT_EQ(list->find(PublicKey::parse(kDesk).value())->name.str(), "ops@desk");
  EXPECT_EQ(list->find("desk"), nullptr);
  EXPECT_EQ(list->find(PublicKey::parse(std::string(39, '0') + "1").value()), nullptr);
  EXPECT_EQ(AllowList::read(list->to_json()).value(), *list);
}

TEST(AllowListTest, ARoleHoldsThoseBelowItAndADispatcherNone) {
  const AllowedKey submit = key_of("");
  EXPECT_TRUE(submit.may(KeyRole::observe));
  EXPECT_TRUE(submit.may(KeyRole::submit));
  EXPECT_FALSE(submit.may(KeyRole::admin));
  EXPECT_FALSE(submit.may(KeyRole::dispatch));
  EXPECT_TRUE(allows({KeyRole::admin}, KeyRole::submit));
  EXPECT_FALSE(allows({KeyRole::admin}, KeyRole::dispatch));
  EXPECT_FALSE(allows({KeyRole::dispatch}, KeyRole::observe));
  EXPECT_FALSE(allows({KeyRole::observe}, KeyRole::submit));
  EXPECT_TRUE(allows({KeyRole::observe, KeyRole::dispatch}, KeyRole::dispatch));
  EXPECT_FALSE(allows({}, KeyRole::observe));
  EXPECT_TRUE(allows({KeyRole::agent}, KeyRole::agent));
  EXPECT_FALSE(allows({KeyRole::admin}, KeyRole::agent));
  EXPECT_FALSE(allows({KeyRole::agent}, KeyRole::observe));
  EXPECT_FALSE(allows({KeyRole::agent}, KeyRole::dispatch));
  EXPECT_FALSE(allows({KeyRole::dispatch}, KeyRole::agent));
}

TEST(AllowListTest, AKeyTouchesWhatItsPatternsFit) {
  EXPECT_TRUE(key_of("").may_touch("anything"));
  EXPECT_TRUE(key_of("").may_touch(std::map<std::string, std::string>{}));
  const AllowedKey web = key_of(R"("names":["web-*","db"],"labels":{"team":"web","zone":"*"})");
  EXPECT_TRUE(web.may_touch("web-1"));
  EXPECT_TRUE(web.may_touch("db"));
  EXPECT_FALSE(web.may_touch("db-1"));
  EXPECT_TRUE(web.may_touch({{"team", "web"}, {"zone", "b"}, {"more", "1"}}));
  EXPECT_FALSE(web.may_touch({{"team", "web"}}));
  EXPECT_FALSE(web.may_touch({{"team", "other"}, {"zone", "b"}}));
}

TEST(AllowListTest, NamesThePlaceOfEveryFault) {
  EXPECT_THAT(pointers_of("{}"), ElementsAre("/keys"));
  EXPECT_THAT(pointers_of("[]"), ElementsAre(""));
  EXPECT_THAT(pointers_of(R"({"keys":{}})"), ElementsAre("/keys"));
  EXPECT_THAT(pointers_of(R"({"keys":[1]})"), ElementsAre("/keys/0"));
  EXPECT_THAT(pointers_of(R"({"keys":[{}]})"),
              UnorderedElementsAre("/keys/0/name", "/keys/0/key", "/keys/0/roles"));
  EXPECT_THAT(pointers_of(one(R"("rolls":[])")), ElementsAre("/keys/0/rolls"));
  EXPECT_THAT(pointers_of(one(R"("limits":{"queued":-1,"message_kib":257,"jobs":1})")),
              UnorderedElementsAre("/keys/0/limits/queued", "/keys/0/limits/message_kib",
                                   "/keys/0/limits/jobs"));
  EXPECT_THAT(pointers_of(one(R"("names":[""],"labels":{"a":""})")),
              UnorderedElementsAre("/keys/0/names", "/keys/0/labels"));
  EXPECT_THAT(pointers_of(R"({"keys":[{"name":"local","key":"no key","roles":["root"]}]})"),
              UnorderedElementsAre("/keys/0/name", "/keys/0/key", "/keys/0/roles"));
  EXPECT_THAT(pointers_of(R"({"keys":[{"name":"a b","key":7,"roles":[]}]})"),
              UnorderedElementsAre("/keys/0/name", "/keys/0/key", "/keys/0/roles"));
  EXPECT_FALSE(AllowList::parse("// comments\n{\"keys\":[]}"));
  EXPECT_TRUE(AllowList::parse("{\"keys\":[]}"));
}

TEST(AllowListTest, ANameAndAKeyStandOnce) {
  const auto both = [](const std::string& name, const char* key) {
    return R"({"keys":[{"name":"ci","key":")" + std::string(kCi) +
           R"(","roles":["submit"]},{"name":")" + name + R"(","key":")" + key +
           R"(","roles":["submit"]}]})";
  };
  EXPECT_THAT(pointers_of(both("desk", kDesk)), ElementsAre());
  EXPECT_THAT(pointers_of(both("ci", kDesk)), ElementsAre("/keys/1"));
  EXPECT_THAT(pointers_of(both("desk", kCi)), ElementsAre("/keys/1"));
}

TEST(AllowListTest, WhatIsRemovedIsFoundNoMoreAndTheOthersAre) {
  AllowList list = AllowList::parse(one("")).value();
  ASSERT_TRUE(list.add(
      {KeyName::parse("desk").value(), PublicKey::parse(kDesk).value(), {KeyRole::admin}}));
  EXPECT_EQ(list.remove("nobody").error().code, Code::not_found);
  ASSERT_TRUE(list.remove("ci"));
  EXPECT_EQ(list.find("ci"), nullptr);
  EXPECT_EQ(list.find(PublicKey::parse(kCi).value()), nullptr);
  ASSERT_NE(list.find("desk"), nullptr);
  EXPECT_EQ(list.find("desk"), list.find(PublicKey::parse(kDesk).value()));
  EXPECT_TRUE(list.add(key_of("")));
  const Result<> again = list.add(key_of(""));
  EXPECT_EQ(again.error().code, Code::conflict);
  EXPECT_THAT(again.error().message, HasSubstr("ci"));
}

TEST(AllowListTest, TakesSoManyKeysAsARecordHasRoomForAndNoMore) {
  AllowList list;
  for (std::size_t i = 0; i < kMostAllowedKeys; ++i) {
    KeyBytes bytes{1};
    bytes[30] = static_cast<std::uint8_t>(i >> 8);
    bytes[31] = static_cast<std::uint8_t>(i & 0xff);
    ASSERT_TRUE(list.add({KeyName::parse("k" + std::to_string(i)).value(),
                          public_key_of(bytes).value(),
                          {KeyRole::observe}}));
  }
  EXPECT_EQ(list.add(key_of("")).error().code, Code::conflict);
  EXPECT_EQ(AllowList::parse(json::write(list.to_json())).value(), list);
}

}  // namespace
}  // namespace drover
