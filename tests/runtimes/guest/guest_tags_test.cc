#include "runtimes/guest/guest_tags.h"

#include <gtest/gtest.h>

namespace drover::runtimes {
namespace {

Container container(const std::string& name, const std::string& job,
                    const std::string& hostname = "") {
  Container made{ContainerName::parse(name).value(),
                 JobId::parse(job).value(),
                 RuntimeKind::pve_lxc,
                 {},
                 {},
                 {},
                 {},
                 {},
                 {}};
  made.spec.hostname = hostname;
  return made;
}

proxmox::GuestInfo guest(const std::string& hostname, const std::vector<std::string>& tags) {
  return {Vmid{900'000}, hostname, false, "", tags};
}

TEST(GuestTagsTest, ReadWhatTheyWereMadeOf) {
  for (const char* job : {"0190a-b.c_d", "A", "aBcD-9", "Z.Z"}) {
    for (const char* hostname : {"", "web-1", "other"}) {
      const Container made = container("web-1", job, hostname);
      const GuestStamp stamp = stamp_of(guest(hostname_of(made), tags_of(made)));
      EXPECT_TRUE(stamp.ours);
      EXPECT_EQ(stamp.name, "web-1");
      EXPECT_EQ(stamp.job, job);
      EXPECT_FALSE(stamp.started);
    }
  }
}

TEST(GuestTagsTest, HoldNoCapitals) {
  for (const std::string& tag : tags_of(container("web-1", "JobA", "other"))) {
    EXPECT_EQ(tag.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), std::string::npos) << tag;
  }
  EXPECT_EQ(tags_of(container("web-1", "JobA"))[1], "job-+job+a");
}

TEST(GuestTagsTest, OfAnotherAreNotOurs) {
  for (const std::vector<std::string>& tags :
       {std::vector<std::string>{}, {"job-1", "name-web-1"}, {"drover2"}, {"Drover"}}) {
    const GuestStamp stamp = stamp_of(guest("db", tags));
    EXPECT_FALSE(stamp.ours);
    EXPECT_EQ(stamp.name, "db");
    EXPECT_EQ(stamp.job, "");
  }
}

TEST(GuestTagsTest, TellWhetherItWasStarted) {
  EXPECT_TRUE(stamp_of(guest("db", {"job-1", "started", "drover"})).started);
}

TEST(GuestTagsTest, SurviveWhatAnAdminAdds) {
  const GuestStamp stamp = stamp_of(guest("db", {"prod", "drover", "job-+", "zone-a"}));
  EXPECT_TRUE(stamp.ours);
  EXPECT_EQ(stamp.job, "");
  EXPECT_EQ(stamp.name, "db");
}

}  // namespace
}  // namespace drover::runtimes
