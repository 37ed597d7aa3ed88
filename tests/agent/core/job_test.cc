#include "agent/core/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover {
namespace {

using testing::HasSubstr;

Result<JobRequest> read(const std::string& text) {
  return read_job(json::parse(text).value());
}

TEST(JobTest, ReadsARun) {
  const auto job = read(R"({"id":"j-1","verb":"container.run","target":"web-1",
                            "spec":{"image":"oci:/i:web"},"deadline":1800000000000})");
  ASSERT_TRUE(job) << to_text(job.error());
  EXPECT_EQ(job->id.str(), "j-1");
  EXPECT_EQ(job->verb, Verb::container_run);
  EXPECT_EQ(job->target, "web-1");
  EXPECT_EQ(job->spec->image, "oci:/i:web");
  EXPECT_EQ(job->deadline_unix_ms, 1'800'000'000'000);
}

TEST(JobTest, SnapshotsOfContainersHaveNamesThatProxmoxTakes) {
  const auto named = [](const std::string& verb, const std::string& name) {
    return read(R"({"id":"j","verb":")" + verb + R"(","target":"a","options":{"snapshot":")" +
                name + R"("}})");
  };
  for (const char* verb :
       {"container.snapshot", "container.rollback", "container.snapshot-delete"}) {
    EXPECT_EQ(named(verb, "Before_2-x").value().options.snapshot, "Before_2-x");
    EXPECT_TRUE(named(verb, "ab" + std::string(38, 'c')));
    for (const std::string& wrong :
         {std::string("a"), std::string("2nd"), std::string("a b"), std::string("a.b"),
          std::string("current"), std::string("vzdump"), "ab" + std::string(39, 'c')}) {
      const auto refused = named(verb, wrong);
      ASSERT_FALSE(refused) << wrong;
      EXPECT_EQ(refused.error().faults.at(0).pointer, "/options/snapshot") << wrong;
      EXPECT_EQ(refused.error().faults.at(0).message.find("Proxmox"), std::string::npos)
          << "it may be a container of another runtime";
    }
  }
  EXPECT_FALSE(named("volume.snapshot", "Before")) << "that is a volume of its own";
}

TEST(JobTest, ABackupNamesItsStorageAndHasProxmoxsUsualWay) {
  const auto options = [](const std::string& text) {
    return read(R"({"id":"j","verb":"container.backup","target":"a","options":)" + text + "}");
  };
  const auto usual = options(R"({"storage":"nas"})");
  ASSERT_TRUE(usual) << to_text(usual.error());
  EXPECT_EQ(usual->options.storage, "nas");
  EXPECT_EQ(usual->options.mode, "snapshot");
  EXPECT_EQ(usual->options.compress, "zstd");
  EXPECT_EQ(options(R"({"storage":"nas","mode":"stop","compress":"none"})").value().options.mode,
            "stop");
  for (const auto& [text, pointer] : std::map<std::string, std::string>{
           {"{}", "/options/storage"},
           {R"({"storage":""})", "/options/storage"},
           {R"({"storage":"nas","mode":"fast"})", "/options/mode"},
           {R"({"storage":"nas","compress":"0"})", "/options/compress"}}) {
    const auto refused = options(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().faults.at(0).pointer, pointer) << text;
  }
}

TEST(JobTest, AMigrationNamesANodeAndAGraceForWhatRunsOnly) {
  const auto options = [](const std::string& text) {
    return read(R"({"id":"j","verb":"container.migrate","target":"a","options":)" + text + "}");
  };
  const auto moved = options(R"({"to":"pve2","restart":true,"grace_s":5,"storage":"nas"})");
  ASSERT_TRUE(moved) << to_text(moved.error());
  const auto again = read_job(to_json(*moved));
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ(again->options.to, "pve2");
  EXPECT_TRUE(again->options.restart);
  EXPECT_EQ(again->options.grace_s, 5);
  EXPECT_EQ(again->options.storage, "nas");
  EXPECT_FALSE(options(R"({"to":"pve2"})").value().options.restart);
  for (const auto& [text, pointer] :
       std::map<std::string, std::string>{{"{}", "/options/to"},
                                          {R"({"to":""})", "/options/to"},
                                          {R"({"to":"no/node"})", "/options/to"},
                                          {R"({"to":"pve2","grace_s":5})", "/options/grace_s"}}) {
    const auto refused = options(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().faults.at(0).pointer, pointer) << text;
  }
}

TEST(JobTest, ANetworkMayBeInAZoneWithItsTag) {
  const auto options = [](const std::string& text) {
    return read(R"({"id":"j","verb":"network.ensure","target":"web","options":)" + text + "}");
  };
  const auto vnet = options(R"({"zone":"lab","tag":100,"address":"10.84.0.1/24","snat":true})");
  ASSERT_TRUE(vnet) << to_text(vnet.error());
  EXPECT_EQ(vnet->options.zone, "lab");
  EXPECT_EQ(vnet->options.tag, 100);
  EXPECT_TRUE(vnet->options.snat);
  const auto again = read_job(to_json(*vnet));
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_EQ(again->options.zone, "lab");
  EXPECT_EQ(again->options.tag, 100);
  EXPECT_TRUE(again->options.snat);
  for (const auto& [text, pointer] : std::map<std::string, std::string>{
           {R"({"zone":""})", "/options/zone"},
           {R"({"zone":"../lab"})", "/options/zone"},
           {R"({"zone":"ninechars"})", "/options/zone"},
           {R"({"tag":100})", "/options/tag"},
           {R"({"zone":"lab","tag":0})", "/options/tag"},
           {R"({"zone":"lab","tag":16777216})", "/options/tag"},
           {R"({"address":"10.84.0.1/24","snat":true})", "/options/snat"},
           {R"({"zone":"lab","snat":true})", "/options/snat"},
           {R"({"zone":"lab","address":"10.84.0.1/24","vlan_aware":true})",
            "/options/vlan_aware"}}) {
    const auto refused = options(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().faults.at(0).pointer, pointer) << text;
  }
}

TEST(JobTest, EachVerbTakesItsOwnOptions) {
  EXPECT_EQ(read(R"({"id":"j","verb":"container.stop","target":"a","options":{"grace_s":0}})")
                .value()
                .options.grace_s,
            0);
  EXPECT_EQ(read(R"({"id":"j","verb":"container.stop","target":"a"})").value().options.grace_s,
            std::nullopt);
  EXPECT_EQ(read(R"({"id":"j","verb":"container.kill","target":"a","options":{"signal":"HUP"}})")
                .value()
                .options.signal,
            1);
  EXPECT_EQ(read(R"({"id":"j","verb":"container.kill","target":"a"})").value().options.signal, 9);
  EXPECT_TRUE(read(R"({"id":"j","verb":"container.delete","target":"a","options":{"force":true}})")
                  .value()
                  .options.force);
  const auto exec = read(R"({"id":"j","verb":"container.exec","target":"a",
      "options":{"command":["id"],"env":{"A":"1"},"cwd":"/srv"}})");
  ASSERT_TRUE(exec) << to_text(exec.error());
  EXPECT_EQ(exec->options.command.at(0), "id");
  EXPECT_EQ(exec->options.env.at("A"), "1");
  EXPECT_EQ(exec->options.cwd, "/srv");
}

TEST(JobTest, WhatRunsInsideMayReadAndHaveATerminal) {
  const auto options = [](const std::string& text) {
    return read(R"({"id":"j","verb":"container.exec","target":"a","options":{"command":["sh"],)" +
                text + "}}")
        .value()
        .options;
  };
  const JobOptions quiet = options(R"("stdin":false,"terminal":false)");
  EXPECT_FALSE(quiet.input);
  EXPECT_EQ(quiet.terminal, std::nullopt);
  const JobOptions shell = options(R"("stdin":true,"terminal":true,"user":"nobody")");
  EXPECT_TRUE(shell.input);
  EXPECT_EQ(shell.terminal, TerminalSize({80, 24}));
  EXPECT_EQ(shell.user, "nobody");
  EXPECT_EQ(options(R"("terminal":{"columns":132})").terminal, TerminalSize({132, 24}));
}

TEST(JobTest, ACancelNamesAJob) {
  EXPECT_TRUE(read(R"({"id":"j","verb":"job.cancel","target":"Some.Other_Job"})"));
  EXPECT_FALSE(read(R"({"id":"j","verb":"container.start","target":"Some.Other_Job"})"));
}

struct Case {
  const char* text;
  const char* pointer;
  const char* part;
};

class JobFaultTest : public testing::TestWithParam<Case> {};

TEST_P(JobFaultTest, IsTheOnlyOneAndPointsThere) {
  const auto job = read(GetParam().text);
  ASSERT_FALSE(job) << GetParam().text;
  EXPECT_EQ(job.error().code, Code::invalid);
  ASSERT_EQ(job.error().faults.size(), 1U) << to_text(job.error());
  EXPECT_EQ(job.error().faults[0].pointer, GetParam().pointer);
  EXPECT_THAT(job.error().faults[0].message, HasSubstr(GetParam().part));
}

INSTANTIATE_TEST_SUITE_P(
    All, JobFaultTest,
    testing::Values(
        Case{R"({"verb":"container.start","target":"a"})", "/id", "missing"},
        Case{R"({"id":7,"verb":"container.start","target":"a"})", "/id", "a string"},
        Case{R"({"id":"/","verb":"container.start","target":"a"})", "/id", "job id"},
        Case{R"({"id":"j","target":"a"})", "/verb", "missing"},
        Case{R"({"id":"j","verb":"container.fly","target":"a"})", "/verb", "container.run"},
        Case{R"({"id":"j","verb":7,"target":"a"})", "/verb", "a string"},
        Case{R"({"id":"j","verb":"container.start"})", "/target", "missing"},
        Case{R"({"id":"j","verb":"container.start","target":"A"})", "/target", "container name"},
        Case{R"({"id":"j","verb":"container.start","target":7})", "/target", "a string"},
        Case{R"({"id":"j","verb":"container.start","target":"100"})", "/target", "digits"},
        Case{R"({"id":"j","verb":"job.cancel","target":"a/b"})", "/target", "job id"},
        Case{R"({"id":"j","verb":"container.start","target":"a","deadline":0})", "/deadline",
             "1 to"},
        Case{R"({"id":"j","verb":"container.start","target":"a","deadline":"now"})", "/deadline",
             "a whole number"},
        Case{R"({"id":"j","verb":"container.start","target":"a","node":"n"})", "/node", "unknown"},
        Case{R"({"id":"j","verb":"container.start","target":"a","spec":{}})", "/spec", "unknown"},
        Case{R"({"id":"j","verb":"container.run","target":"a","options":{}})", "/options",
             "unknown"},
        Case{R"({"id":"j","verb":"container.run","target":"a","spec":[]})", "/spec", "an object"},
        Case{R"({"id":"j","verb":"container.run","target":"a","spec":{"cwd":"x"}})", "/spec/cwd",
             "absolute"},
        Case{R"({"id":"j","verb":"container.start","target":"a","options":{"force":true}})",
             "/options/force", "unknown"},
        Case{R"({"id":"j","verb":"container.stop","target":"a","options":{"grace_s":86401}})",
             "/options/grace_s", "86400"},
        Case{R"({"id":"j","verb":"container.stop","target":"a","options":{"force":true}})",
             "/options/force", "unknown"},
        Case{R"({"id":"j","verb":"container.kill","target":"a","options":{"signal":"FOO"}})",
             "/options/signal", "signal"},
        Case{R"({"id":"j","verb":"container.kill","target":"a","options":{"signal":9}})",
             "/options/signal", "a string"},
        Case{R"({"id":"j","verb":"container.delete","target":"a","options":{"force":1}})",
             "/options/force", "true or false"},
        Case{R"({"id":"j","verb":"container.exec","target":"a"})", "/options/command", "missing"},
        Case{R"({"id":"j","verb":"image.pull","target":"a","options":{"from":1}})", "/options/from",
             "a string"},
        Case{R"({"id":"j","verb":"image.remove","target":"a","options":{"from":"/a"}})",
             "/options/from", "unknown"},
        Case{R"({"id":"j","verb":"container.update","target":"a",
                "options":{"resources":{"memory_mib":1}}})",
             "/options/resources/memory_mib", "4 to"},
        Case{R"({"id":"j","verb":"container.update","target":"a","options":{}})",
             "/options/resources", "or volumes one"},
        Case{R"({"id":"j","verb":"container.update","target":"a","options":{"volumes":{"d":0}}})",
             "/options/volumes/d", "1 to"},
        Case{R"({"id":"j","verb":"container.exec","target":"a","options":{"command":[]}})",
             "/options/command", "program"},
        Case{R"({"id":"j","verb":"container.exec","target":"a","options":{"command":"sh"}})",
             "/options/command", "array"},
        Case{R"({"id":"j","verb":"container.exec","target":"a","options":{"command":[""]}})",
             "/options/command", "program"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a","b\u0000"]}})",
             "/options/command", "NUL"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"env":{"A=B":"x"}}})",
             "/options/env", "="},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"env":{"A":"\u0000"}}})",
             "/options/env", "NUL"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"cwd":"srv"}})",
             "/options/cwd", "absolute"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"user":"a\u0000"}})",
             "/options/user", "NUL"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"terminal":1}})",
             "/options/terminal", "columns"},
        Case{R"({"id":"j","verb":"container.exec","target":"a",
                "options":{"command":["a"],"terminal":{"rows":0}}})",
             "/options/terminal/rows", "1 to"}));

TEST(JobTest, TellsEveryFaultAtOnce) {
  const auto job = read(R"({"id":"/","verb":"container.run","target":"A","more":1,
                            "spec":{"cwd":"x","runtime":"y"}})");
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().faults.size(), 5U) << to_text(job.error());
}

TEST(JobTest, WhatIsNoObjectIsRefused) {
  for (const char* text : {"[]", "null", "1", "\"x\""}) {
    const auto job = read(text);
    ASSERT_FALSE(job);
    EXPECT_EQ(job.error().code, Code::invalid);
  }
}

TEST(JobTest, ComesBackFromItsOwnJson) {
  for (const char* text :
       {R"({"id":"j","verb":"container.run","target":"a","spec":{"command":["x"]},"deadline":5})",
        R"({"id":"j","verb":"container.create","target":"a","spec":{}})",
        R"({"id":"j","verb":"container.stop","target":"a","options":{"grace_s":0}})",
        R"({"id":"j","verb":"container.kill","target":"a","options":{"signal":"15"}})",
        R"({"id":"j","verb":"container.delete","target":"a","options":{"force":true}})",
        R"({"id":"j","verb":"container.exec","target":"a",
            "options":{"command":["x","y"],"env":{"A":"1"},"cwd":"/s"}})",
        R"({"id":"j","verb":"container.exec","target":"a","options":{"command":["x"],"user":"1:1",
            "stdin":true,"terminal":{"columns":1,"rows":65535}}})",
        R"({"id":"j","verb":"job.cancel","target":"B"})"}) {
    const auto job = read(text);
    ASSERT_TRUE(job) << text;
    EXPECT_EQ(to_json(*job), json::parse(text).value());
    EXPECT_EQ(to_json(read_job(to_json(*job)).value()), to_json(*job));
  }
}

TEST(JobTest, NamesOfVerbsAndStatesReadBack) {
  for (int i = 0; i <= static_cast<int>(Verb::job_cancel); ++i) {
    EXPECT_EQ(verb_from(to_string(static_cast<Verb>(i))), static_cast<Verb>(i));
  }
  for (int i = 0; i <= static_cast<int>(JobState::cancelled); ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_EQ(job_state_from(to_string(state)), state);
    EXPECT_EQ(is_final(state), i >= 2);
  }
  EXPECT_EQ(verb_from("unknown"), std::nullopt);
  EXPECT_EQ(job_state_from(""), std::nullopt);
}

}  // namespace
}  // namespace drover
