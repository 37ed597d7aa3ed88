#include "runtimes/guest/guest_output.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "agent/system/child.h"
#include "guest_fixture.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUnit =
    "[Unit]\nDescription=A guest\n[Service]\nType=simple\nExecStart=/opt/sim/lxc-start -F -n %i\n"
    "ExecStop=/opt/sim/stop %i\n";

class GuestOutputTest : public testing::Test {
 protected:
  GuestOutputTest() {
    std::filesystem::create_directories(options_.units);
    std::filesystem::create_directories(options_.configs);
    options_.layout.state = folder_ / "state";
    write(options_.units / "pve-container@.service", kUnit);
  }
  static void write(const system::Path& file, const std::string& text) {
    std::ofstream(file) << text;
  }
  static Container container(const std::string& name, const std::string& job) {
    return {ContainerName::parse(name).value(),
            JobId::parse(job).value(),
            RuntimeKind::pve_lxc,
            {},
            {},
            {},
            {},
            {},
            {}};
  }
  system::Path drop_in(int vmid) const {
    return options_.units / fmt::format("pve-container@{}.service.d/drover.conf", vmid);
  }
  std::string text(int vmid) const { return system::read_file(drop_in(vmid)).value_or(""); }
  /// What the last ExecStart= of the drop-in runs, with a program that prints its words in place
  /// of LXC's.
  static std::string run_start(const std::string& all) {
    const std::string begin = "ExecStart=/bin/sh -c '";
    const std::size_t at = all.rfind(begin) + begin.size();
    std::string script = all.substr(at, all.rfind('\'') - at);
    for (std::size_t found = 0; (found = script.find("/opt/sim/lxc-start")) != std::string::npos;) {
      script.replace(found, 18, "echo");
    }
    return system::run_ok({"/bin/sh", "-c", script}, system::Stop()).value_or("failed");
  }

  fakes::TempFolder folder_;
  GuestOutputOptions options_{folder_ / "units", folder_ / "configs", {}, 4096};
  const Container web_ = container("web-1", "Job.1");
};

TEST_F(GuestOutputTest, TheDropInStartsTheGuestAsItsUnitDoesAndLogsIt) {
  const GuestOutput output(options_);
  EXPECT_EQ(output.why_not(), "");
  ASSERT_TRUE(output.keep(web_, Vmid{101}));
  EXPECT_TRUE(text(101).starts_with("# Drover: container web-1 of job Job.1\n"));
  EXPECT_THAT(text(101), HasSubstr("\n[Service]\nExecStart=\nExecStart=/bin/sh -c '"));
  write(options_.configs / "101.conf", "hostname: web-1\ntags: drover;job-+job.1;started\n");
  const system::Path log = options_.layout.log(web_.name);
  EXPECT_EQ(run_start(text(101)), fmt::format("-F -n 101 -L {} -s lxc.console.size=4096 -s "
                                              "lxc.console.rotate=1\n",
                                              log.native()));
  EXPECT_TRUE(std::filesystem::exists(log));
}

TEST_F(GuestOutputTest, ItStartsAsWithoutWhereAnythingIsMissing) {
  const GuestOutput output(options_);
  ASSERT_TRUE(output.keep(web_, Vmid{101}));
  const std::string plain = "-F -n 101\n";
  EXPECT_EQ(run_start(text(101)), plain) << "no guest of that number is known";
  for (const char* tags : {"drover;job-+job.12", "drover;job-+jobx1", "drover", "xjob-+job.1"}) {
    write(options_.configs / "101.conf", fmt::format("tags: {}\n", tags));
    EXPECT_EQ(run_start(text(101)), plain) << "another's guest: " << tags;
  }
  write(options_.configs / "101.conf", "tags: job-+job.1\n");
  EXPECT_THAT(run_start(text(101)), HasSubstr(" -L "));
  std::filesystem::remove_all(options_.layout.container(web_.name));
  EXPECT_EQ(run_start(text(101)), plain) << "no folder for the log";
  std::filesystem::create_directories(options_.layout.log(web_.name));
  EXPECT_EQ(run_start(text(101)), plain) << "no file that could be written";
}

TEST_F(GuestOutputTest, ADropInThatIsLoadedStillDoesNothingOnceItIsGone) {
  const GuestOutput output(options_);
  ASSERT_TRUE(output.keep(web_, Vmid{101}));
  write(options_.configs / "101.conf", "tags: job-+job.1\n");
  const std::string all = text(101);
  ASSERT_TRUE(output.forget(web_));
  EXPECT_FALSE(std::filesystem::exists(drop_in(101).parent_path()));
  EXPECT_EQ(run_start(all), "-F -n 101\n");
}

TEST_F(GuestOutputTest, AnotherSizeIsWrittenAndTheSameOneLeftAlone) {
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  const auto before = std::filesystem::last_write_time(drop_in(101));
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  EXPECT_EQ(std::filesystem::last_write_time(drop_in(101)), before);
  options_.file_bytes = 8192;
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  EXPECT_THAT(text(101), HasSubstr("lxc.console.size=8192"));
}

TEST_F(GuestOutputTest, ALogLargerThanASmallerBoundIsTurnedBeforeAStartOnly) {
  const system::Path log = options_.layout.log(web_.name);
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  write(log, std::string(4096, 'x'));
  options_.file_bytes = 2048;
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  EXPECT_EQ(std::filesystem::file_size(log), 4096U) << "the guest may run and write there";
  GuestOutput(options_).keep_for_start(web_, Vmid{101});
  EXPECT_EQ(std::filesystem::file_size(log), 0U);
  EXPECT_EQ(std::filesystem::file_size(log.native() + ".1"), 4096U);
  write(log, std::string(2048, 'y'));
  GuestOutput(options_).keep_for_start(web_, Vmid{101});
  EXPECT_EQ(std::filesystem::file_size(log), 2048U) << "full is not too large";
}

TEST_F(GuestOutputTest, OnceTheUnitIsNotAsKnownADropInWithItsOldCommandGoes) {
  const Container other = container("web-2", "Job-2");
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  ASSERT_TRUE(GuestOutput(options_).keep(other, Vmid{102}));
  write(options_.units / "pve-container@.service",
        "[Service]\nExecStart=/opt/sim/lxc-start -F -n %i --new-flag\n");
  ASSERT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
  EXPECT_FALSE(std::filesystem::exists(drop_in(101)));
  EXPECT_TRUE(std::filesystem::exists(drop_in(102)));
  EXPECT_TRUE(std::filesystem::exists(options_.layout.log(web_.name))) << "what it has said stays";
}

TEST_F(GuestOutputTest, AllOfAContainerGoAndNothingElse) {
  const GuestOutput output(options_);
  const Container other = container("web-2", "Job-2");
  ASSERT_TRUE(output.keep(web_, Vmid{101}));
  ASSERT_TRUE(output.keep(web_, Vmid{103}));
  ASSERT_TRUE(output.keep(other, Vmid{102}));
  write(drop_in(101).parent_path() / "admin.conf", "[Service]\n");
  EXPECT_EQ(found_drop_ins(options_.units).size(), 3U);
  ASSERT_TRUE(output.forget(web_));
  const std::vector<FoundDropIn> left = found_drop_ins(options_.units);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].container, "web-2");
  EXPECT_EQ(left[0].job, "Job-2");
  EXPECT_TRUE(std::filesystem::exists(drop_in(101).parent_path() / "admin.conf"));
  EXPECT_FALSE(std::filesystem::exists(drop_in(103).parent_path()));
  EXPECT_TRUE(output.forget(web_)) << "absent is success";
}

TEST_F(GuestOutputTest, OneThatWasNotMadeToItsEndIsFound) {
  const system::Path begun = drop_in(101).native() + ".new";
  std::filesystem::create_directories(begun.parent_path());
  write(begun, "");
  std::vector<FoundDropIn> found = found_drop_ins(options_.units);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].job, "");
  ASSERT_TRUE(remove_drop_in(found[0].file));
  EXPECT_FALSE(std::filesystem::exists(begun.parent_path()));

  std::filesystem::create_directories(begun.parent_path());
  write(begun, "# Drover: container web-1 of job Job.1\n[Service]\n");
  EXPECT_EQ(found_drop_ins(options_.units).size(), 1U);
  ASSERT_TRUE(GuestOutput(options_).forget(web_));
  EXPECT_THAT(found_drop_ins(options_.units), IsEmpty());
}

TEST_F(GuestOutputTest, ADropInOfSomebodyElseIsNone) {
  std::filesystem::create_directories(drop_in(101).parent_path());
  write(drop_in(101), "[Service]\nExecStart=\n");
  EXPECT_THAT(found_drop_ins(options_.units), IsEmpty());
  EXPECT_THAT(found_drop_ins(folder_ / "nowhere"), IsEmpty());
}

TEST_F(GuestOutputTest, AUnitThatStartsGuestsInAnotherWayIsLeftAlone) {
  for (const char* unit :
       {"", "[Service]\nExecStart=/usr/bin/lxc-start -F -n %i -o /dev/stderr\n",
        "[Service]\nExecStart=/usr/bin/crun run %i\n",
        "[Service]\nExecStart=/usr/bin/lxc-start -F -n %i\nExecStart=/bin/true\n"}) {
    write(options_.units / "pve-container@.service", unit);
    const GuestOutput output(options_);
    EXPECT_NE(output.why_not(), "") << unit;
    EXPECT_TRUE(output.keep(web_, Vmid{101}));
    EXPECT_FALSE(std::filesystem::exists(drop_in(101))) << unit;
  }
  EXPECT_EQ(start_program("[Service]\nExecStart=/usr/bin/lxc-start -F -n %i"),
            "/usr/bin/lxc-start");
}

TEST_F(GuestOutputTest, PathsThatAUnitCannotNameAreNotNamed) {
  options_.layout.state = folder_ / "with space";
  EXPECT_THAT(GuestOutput(options_).why_not(), HasSubstr("runtime.state_folder"));
  options_.units.clear();
  EXPECT_NE(GuestOutput(options_).why_not(), "");
  EXPECT_TRUE(GuestOutput(options_).keep(web_, Vmid{101}));
}

TEST_F(GuestFixture, AGuestsDropInComesAndGoesWithIt) {
  const system::Path units = folder_ / "units";
  std::filesystem::create_directories(units);
  std::ofstream(units / "pve-container@.service") << kUnit;
  GuestOptions options{
      "local",         512,     Vmid{5000}, Vmid{5002},
      folder_ / "lxc", "vmbr0", "local",    {units, folder_ / "configs", {}, 4096}};
  options.output.layout.state = folder_ / "state";
  GuestRuntime runtime(api_, clock_, options);
  EXPECT_TRUE(runtime.keeps_output());
  ASSERT_TRUE(runtime.create(web_, stop_));
  ASSERT_EQ(found_drop_ins(units).size(), 1U);
  std::filesystem::remove_all(units / "pve-container@5000.service.d");
  ASSERT_TRUE(runtime.start(web_, stop_));
  EXPECT_EQ(found_drop_ins(units).size(), 1U) << "a start makes it again";
  ASSERT_TRUE(runtime.remove(web_, true, stop_));
  EXPECT_THAT(found_drop_ins(units), IsEmpty());

  ASSERT_TRUE(runtime.create(web_, stop_));
  api_.guests.clear();
  ASSERT_TRUE(runtime.remove(web_, true, stop_));
  EXPECT_THAT(found_drop_ins(units), IsEmpty()) << "of one that an admin has removed";
}

TEST_F(GuestFixture, AGuestIsMadeAndStartsWhereNoDropInCanBeMade) {
  const system::Path units = folder_ / "units";
  std::filesystem::create_directories(units);
  std::ofstream(units / "pve-container@.service") << kUnit;
  std::ofstream(units / "pve-container@5000.service.d") << "in the way";
  std::vector<std::string> warnings;
  GuestOptions options{
      "local",         512,     Vmid{5000}, Vmid{5002},
      folder_ / "lxc", "vmbr0", "local",    {units, folder_ / "configs", {}, 4096}};
  options.output.layout.state = folder_ / "state";
  options.output.warn = [&](std::string_view why) { warnings.emplace_back(why); };
  GuestRuntime runtime(api_, clock_, options);
  EXPECT_TRUE(runtime.create(web_, stop_));
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("keep the output of container web-1")));
  EXPECT_TRUE(runtime.start(web_, stop_));
  EXPECT_EQ(warnings.size(), 2U);
}

}  // namespace
}  // namespace drover::runtimes
