// What droverd takes of the front about keys that were denied.
#include "messaging/key_denial.h"

#include <gmock/gmock.h>

namespace drover::messaging {
namespace {

constexpr const char* kKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

TEST(KeyDenialTest, IsReadAsItWasWritten) {
  for (const KeyDenial& denial :
       {KeyDenial{kKey, "", "10.0.0.1", KeyDenial::Why::unknown, 0},
        KeyDenial{kKey, "ci", "fe80::1%eth0", KeyDenial::Why::role, 1'000'000},
        KeyDenial{kKey, "ci", "", KeyDenial::Why::revoked, 1}}) {
    EXPECT_EQ(read_key_denial(write_key_denial(denial)).value(), denial);
  }
}

TEST(KeyDenialTest, WhatNoFrontWouldSayIsNotTaken) {
  const Record good = write_key_denial({kKey, "ci", "10.0.0.1", KeyDenial::Why::role, 0});
  const std::vector<std::pair<const char*, json::Value>> changes = {
      {"key", "short"},
      {"name", "a name"},
      {"address", "10.0.0.1\n"},
      {"why", "whatever"},
      {"address", std::string(65, '1')},
      {"untold", -1},
      {"untold", "many"},
      {"key", 7}};
  for (const auto& [member, value] : changes) {
    Record bad = good;
    bad.header.set(member, value);
    EXPECT_FALSE(read_key_denial(bad)) << member << json::write(value);
  }
}

}  // namespace
}  // namespace drover::messaging
