#include "proxmox/upid.h"

#include <gtest/gtest.h>

namespace drover::proxmox {
namespace {

TEST(UpidTest, ReadsAndWritesWhatTheApiGives) {
  const std::string text = "UPID:pve1:0000A1B2:00F3C4D5:69247E10:vzcreate:100:root@pam!drover:";
  const Upid upid = Upid::parse(text).value();
  EXPECT_EQ(upid.node, "pve1");
  EXPECT_EQ(upid.pid, 0xA1B2U);
  EXPECT_EQ(upid.pstart, 0xF3C4D5U);
  EXPECT_EQ(upid.type, "vzcreate");
  EXPECT_EQ(upid.id, "100");
  EXPECT_EQ(upid.user, "root@pam!drover");
  EXPECT_EQ(upid.str(), text);
}

TEST(UpidTest, TheIdMayBeEmptyOrNameAVolume) {
  EXPECT_EQ(Upid::parse("UPID:pve1:0000A1B2:00F3C4D5:69247E10:imgcopy::root@pam:").value().id, "");
  EXPECT_EQ(
      Upid::parse("UPID:pve1:0000A1B2:00F3C4D5:69247E10:imgdel:100@local:root@pam:").value().id,
      "100@local");
}

TEST(UpidTest, WhatIsNoUpidIsBroken) {
  for (const char* text : {"", "UPID", "UPID:pve1:0000A1B2:00F3C4D5:69247E10:vzcreate:100:root@pam",
                           "UPID:pve1:XYZ:00F3C4D5:69247E10:vzcreate:100:root@pam:",
                           "upid:pve1:0000A1B2:00F3C4D5:69247E10:vzcreate:100:root@pam:",
                           "UPID:pve1:0000A1B2:00F3C4D5:69247E10:vzcreate:100:root@pam:more",
                           "UPID:pve1:1FFFFFFFF:00F3C4D5:69247E10:vzcreate:100:root@pam:",
                           "UPID::0000A1B2:00F3C4D5:69247E10:vzcreate:100:root@pam:"}) {
    const auto upid = Upid::parse(text);
    ASSERT_FALSE(upid) << text;
    EXPECT_EQ(upid.error().code, Code::broken);
  }
}

}  // namespace
}  // namespace drover::proxmox
