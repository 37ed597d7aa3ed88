#include <future>
#include <thread>

#include "agent/core/json.h"
#include "agent/system/file.h"
#include "drover_program.h"

namespace drover::cli {
namespace {

class Commands : public DroverProgram {
 protected:
  std::string status_of(const std::string& name) {
    std::string status = "none";
    node_.call([&](State& state, Faults&) {
      if (state.containers.contains(name)) {
        status = to_string(state.containers.at(name).status);
      }
    });
    return status;
  }
};

TEST_F(Commands, PsListsContainers) {
  have_container("web-1", "sleep");
  have_container("job-2", "exit 7");
  const system::Output output = drover({"ps"});
  EXPECT_EQ(output.ending.code, 0);
  // The times are 2027's, so they never change with the day of the test.
  EXPECT_EQ(
      output.out,
      "NAME   RUNTIME  STATUS                  CREATED     ADDRESS     IMAGE\n"
      "job-2  crun     stopped: exited with 7  2027-01-15  192.0.2.10  oci:/images/busybox:1\n"
      "web-1  crun     running                 2027-01-15  192.0.2.10  oci:/images/busybox:1\n");
  EXPECT_EQ(drover({"ps", "-q"}).out, "job-2\nweb-1\n");
  const auto list = json::parse(drover({"ps", "--json"}).out);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->array()->size(), 2U);
}

TEST_F(Commands, PsListsThoseWithALabel) {
  have_container("plain", "sleep");
  for (const auto& [name, team] : {std::pair("web-1", "web"), {"db-1", "db"}}) {
    const system::Output made =
        drover({"run", "--quiet", "--name", name, "--image", "oci:/images/busybox:1", "--label",
                std::string("team=") + team, "--label", "note=", "--", "sleep"});
    ASSERT_EQ(made.ending.code, 0) << made.err;
  }
  EXPECT_EQ(drover({"ps", "-q", "--label", "team=web"}).out, "web-1\n");
  EXPECT_EQ(drover({"ps", "-q", "--label", "team"}).out, "db-1\nweb-1\n");
  EXPECT_EQ(drover({"ps", "-q", "-l", "team", "-l", "note="}).out, "db-1\nweb-1\n");
  EXPECT_EQ(drover({"ps", "-q", "-l", "team=db", "-l", "note=x"}).out, "");
  EXPECT_EQ(drover({"ps", "-q", "-l", "team="}).out, "");
  const auto list = json::parse(drover({"ps", "--json", "--label", "team=db"}).out);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->array()->size(), 1U);
  const system::Output wrong = drover({"ps", "--label", "=web"});
  EXPECT_NE(wrong.ending.code, 0);
  EXPECT_NE(wrong.err.find("neither NAME nor NAME=VALUE"), std::string::npos) << wrong.err;
}

TEST_F(Commands, InspectShowsAll) {
  have_container("web-1", "sleep");
  const system::Output text = drover({"inspect", "web-1"});
  EXPECT_NE(text.out.find("name: web-1\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("  - interface: eth0\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("created_at: 2027-01-15T08:00:00.000Z\n"), std::string::npos);
  const auto list = json::parse(drover({"inspect", "--json", "web-1"}).out);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->array()->front().at("spec").at("image").string_or(""), "oci:/images/busybox:1");
  const system::Output missing = drover({"inspect", "web-9"});
  EXPECT_EQ(missing.ending.code, 1);
  EXPECT_EQ(missing.err, "drover: node fake has no container web-9\n");
}

TEST_F(Commands, JournalCheckTellsAFaultFromAFileItCannotRead) {
  const fakes::TempFolder folder;
  const std::string file = folder / "journal.db";
  const system::Output missing = drover({"journal", "check", file});
  EXPECT_EQ(missing.ending.code, 125);
  EXPECT_NE(missing.err.find(file + ": No such file"), std::string::npos) << missing.err;
  ASSERT_TRUE(system::write_atomically(file, std::string(8192, 'x')));
  const system::Output text = drover({"journal", "check", file});
  EXPECT_EQ(text.ending.code, 1);
  EXPECT_EQ(text.err, file + ": file is not a database\n");
  const auto report = json::parse(drover({"journal", "check", "--json", file}).out);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->at("faults").array()->size(), 1U);
}

TEST_F(Commands, TheLifeOfAContainer) {
  have_container("web-1", "sleep");
  EXPECT_EQ(drover({"pause", "web-1"}).out, "web-1\n");
  EXPECT_EQ(status_of("web-1"), "paused");
  EXPECT_EQ(drover({"resume", "web-1"}).ending.code, 0);
  EXPECT_EQ(status_of("web-1"), "running");
  EXPECT_EQ(drover({"resume", "web-1"}).ending.code, 1);
  EXPECT_EQ(drover({"stop", "--grace", "3", "web-1"}).ending.code, 0);
  EXPECT_EQ(status_of("web-1"), "stopped");
  EXPECT_EQ(drover({"start", "web-1"}).ending.code, 0);
  EXPECT_EQ(drover({"restart", "--grace", "4", "web-1"}).out, "web-1\n");
  EXPECT_EQ(status_of("web-1"), "running");
  EXPECT_EQ(drover({"kill", "--signal", "USR1", "web-1"}).ending.code, 0);
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").exit->code, 128 + 10);
    std::map<Verb, std::int64_t> graces;
    for (const auto& [id, job] : state.jobs) {
      graces[job.request.verb] = job.request.options.grace_s.value_or(0);
    }
    EXPECT_EQ(graces[Verb::container_stop], 3);
    EXPECT_EQ(graces[Verb::container_restart], 4);
  });
  EXPECT_EQ(drover({"rm", "web-1"}).ending.code, 0);
  EXPECT_EQ(status_of("web-1"), "none");
}

TEST_F(Commands, SeveralNamesOneAfterTheOther) {
  have_container("web-1", "sleep");
  have_container("web-2", "sleep");
  const system::Output output = drover({"rm", "-f", "web-1", "web-9", "web-2"});
  EXPECT_EQ(output.ending.code, 1);
  EXPECT_EQ(output.out, "web-1\nweb-2\n");
  EXPECT_NE(output.err.find("web-9"), std::string::npos);
}

TEST_F(Commands, UpdateChangesTheLimitsThatItNames) {
  have_container("web-1", "sleep");
  EXPECT_EQ(drover({"update", "--memory", "256M", "--pids", "50", "web-1"}).out, "web-1\n");
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").spec.at("resources").at("memory_mib").integer_or(0),
              256);
  });
  EXPECT_EQ(
      drover({"update", "--disk", "2G", "--volume", "data:1G", "--volume", "log:64M", "web-1"})
          .ending.code,
      0);
  node_.call([](State& state, Faults&) {
    for (const auto& [id, job] : state.jobs) {
      const JobOptions& options = job.request.options;
      if (options.resources.disk_mib != 0) {
        EXPECT_EQ(options.resources.disk_mib, 2048U);
        EXPECT_EQ(options.volumes,
                  (std::map<std::string, std::uint64_t>{{"data", 1024}, {"log", 64}}));
      }
    }
  });
  EXPECT_EQ(drover({"update", "--memory", "much", "web-1"}).ending.code, 2);
  EXPECT_EQ(drover({"update", "--cpus", "0", "web-1"}).ending.code, 2);
}

TEST_F(Commands, KillTakesOnlySignals) {
  EXPECT_EQ(drover({"kill", "-s", "65", "web-1"}).ending.code, 2);
  EXPECT_EQ(drover({"kill", "-s", "NONE", "web-1"}).ending.code, 2);
}

TEST_F(Commands, ExecPrintsTheOutputAndExitsAsTheProgram) {
  have_container("web-1", "sleep");
  for (const bool dashes : {true, false}) {
    std::vector<std::string> arguments = {"exec", "-e", "A=1", "web-1"};
    if (dashes) {
      arguments.push_back("--");
    }
    arguments.insert(arguments.end(), {"sh", "-c", "echo hi; warn oops; exit 42"});
    const system::Output output = drover(arguments);
    EXPECT_EQ(output.ending.code, 42);
    EXPECT_EQ(output.out, "hi\n");
    EXPECT_EQ(output.err, "oops\n");
  }
  node_.call([](State& state, Faults&) {
    for (const auto& [id, job] : state.jobs) {
      if (job.request.verb == Verb::container_exec) {
        EXPECT_EQ(job.request.options.command.front(), "sh");
        EXPECT_EQ(job.request.options.env.at("A"), "1");
      }
    }
  });
  EXPECT_EQ(drover({"exec", "web-9", "--", "sh"}).ending.code, 125);
}

TEST_F(Commands, LogsPrintsBothStreams) {
  have_container("web-1", "echo one; warn two; echo three; exit 0");
  const system::Output output = drover({"logs", "-f", "web-1"});
  EXPECT_EQ(output.ending.code, 0);
  EXPECT_EQ(output.out, "one\nthree\n");
  EXPECT_EQ(output.err, "two\n");
  EXPECT_EQ(drover({"logs", "-t", "web-1"}).out,
            "2027-01-15T08:00:00.000000000Z one\n2027-01-15T08:00:00.000000000Z three\n");
  EXPECT_EQ(drover({"logs", "web-9"}).ending.code, 1);
}

TEST_F(Commands, EventsAreListedFromANumberOn) {
  have_container("web-1", "exit 7");
  const system::Output all = drover({"events"});
  EXPECT_NE(all.out.find("container web-1 stopped: exited with 7\n"), std::string::npos) << all.out;
  EXPECT_TRUE(all.out.starts_with("08:00:00.000      1 job ")) << all.out;
  const system::Output last = drover({"events", "--json", "--after", "3"});
  const auto event = json::parse(last.out.substr(0, last.out.find('\n')));
  ASSERT_TRUE(event) << last.out;
  EXPECT_EQ(event->at("seq").integer_or(0), 4);
  EXPECT_EQ(event->at("source").string_or(""), "/drover/fake");
}

TEST_F(Commands, EventsAreGoneOnWithFromWhereTheyEnded) {
  have_container("web-1", "exit 7");
  const system::Output all = drover({"events"});
  std::size_t count = 0;
  node_.call([&](State& state, Faults&) { count = state.events.size(); });
  const std::string position = "epoch-1:" + std::to_string(count);
  EXPECT_EQ(all.err, "drover: to go on from here: --after " + position + "\n");
  EXPECT_EQ(drover({"events", "--after", position}).out, "");
  node_.call([](State& state, Faults&) { state.tell("node", "fake", "ticked", "", {}); });
  const system::Output next = drover({"events", "--after", position});
  EXPECT_NE(next.out.find("node fake ticked"), std::string::npos) << next.out;
  EXPECT_EQ(std::count(next.out.begin(), next.out.end(), '\n'), 1) << next.out;
  node_.call([](State& state, Faults&) { state.renew_epoch(); });
  const system::Output lost = drover({"events", "--after", position});
  EXPECT_EQ(lost.ending.code, 1);
  EXPECT_NE(lost.err.find("the node has a new journal"), std::string::npos) << lost.err;
}

TEST_F(Commands, EventsAreListedByKindAndName) {
  have_container("web-1", "exit 7");
  have_container("db-1", "exit 7");
  const system::Output web = drover({"events", "--kind", "container", "--name", "web-*"});
  EXPECT_NE(web.out.find("container web-1 stopped"), std::string::npos) << web.out;
  EXPECT_EQ(web.out.find("db-1"), std::string::npos) << web.out;
  EXPECT_EQ(web.out.find(" job "), std::string::npos) << web.out;
  std::size_t count = 0;
  node_.call([&](State& state, Faults&) { count = state.events.size(); });
  EXPECT_NE(web.err.find("epoch-1:" + std::to_string(count)), std::string::npos) << web.err;
}

TEST_F(Commands, JobsListsAndShowsOne) {
  ASSERT_EQ(drover({"run", "-q", "--id", "job-1", "--name", "web-1", "--", "x"}).ending.code, 0);
  ASSERT_EQ(drover({"run", "-q", "--id", "job-2", "--name", "web-1", "--", "x"}).ending.code, 1);
  const system::Output list = drover({"jobs"});
  EXPECT_EQ(list.out,
            "ID     VERB           TARGET  STATE      SENDER  CREATED     TOOK   ERROR\n"
            "job-2  container.run  web-1   failed     local   2027-01-15  1.5 s  create web-1: "
            "there is a "
            "container of this name\n"
            "job-1  container.run  web-1   succeeded  local   2027-01-15  1.5 s\n");
  const system::Output one = drover({"jobs", "job-1"});
  EXPECT_NE(one.out.find("    name: network.attach\n"), std::string::npos) << one.out;
  EXPECT_EQ(drover({"jobs", "job-9"}).ending.code, 1);
}

TEST_F(Commands, AJobsFlagsGoWithIt) {
  have_container("web-1", "sleep");
  EXPECT_EQ(drover({"pause", "--priority", "90", "--attempts", "2", "web-1"}).ending.code, 0);
  node_.call([](State& state, Faults&) {
    const auto found = std::find_if(state.jobs.begin(), state.jobs.end(), [](const auto& entry) {
      return entry.second.request.verb == Verb::container_pause;
    });
    ASSERT_NE(found, state.jobs.end());
    EXPECT_EQ(found->second.request.priority, 90);
    EXPECT_EQ(found->second.request.attempts, 2);
  });
  EXPECT_EQ(drover({"pause", "--priority", "101", "web-1"}).ending.code, 2);
}

TEST_F(Commands, CancelTellsWhatTheNodeSays) {
  const system::Output output = drover({"cancel", "job-9"});
  EXPECT_EQ(output.ending.code, 1);
  EXPECT_NE(output.err.find("job-9"), std::string::npos) << output.err;
}

TEST_F(Commands, NodeAndVersion) {
  EXPECT_NE(drover({"node"}).out.find("node: fake\n"), std::string::npos);
  EXPECT_TRUE(json::parse(drover({"node", "--json"}).out));
  EXPECT_TRUE(drover({"version"}).out.starts_with("drover "));
  EXPECT_EQ(drover({"--help"}).ending.code, 0);
}

TEST_F(Commands, OneWrongLimitIsOneFault) {
  EXPECT_EQ(drover({"update", "--memory", "1", "web-1"}).err,
            "drover: update web-1: this cannot be asked for\n"
            "  --memory (in MiB): must be 4 to 67108864, not 1\n");
}

TEST_F(Commands, DrainAndUndrainSayWhatHappened) {
  have_container("web-1", "sleep");
  have_container("web-2", "exit 0");
  node_.call([](State& state, Faults&) { state.waiting_jobs = 2; });
  EXPECT_EQ(drover({"drain"}).out, "fake takes no new containers; 2 jobs wait\n");
  node_.call([](State& state, Faults&) { state.waiting_jobs = 0; });
  EXPECT_NE(drover({"node"}).out.find("  since: 2027-01-15T08:00:00.000Z\n"), std::string::npos);
  EXPECT_EQ(drover({"drain", "--stop"}).out,
            "web-1\n"
            "fake takes no new containers since 2027-01-15T08:00:00.000Z; 1 container stopped\n");
  EXPECT_EQ(status_of("web-1"), "stopped");
  EXPECT_EQ(drover({"undrain"}).out, "fake takes containers again\n");
  EXPECT_EQ(drover({"undrain"}).out, "fake was not drained: it takes containers\n");
}

TEST_F(Commands, LogsFollowOverRestartsUntilItHasStoppedForGood) {
  have_container("web-1", "echo first; sleep");
  std::future<system::Output> logs = std::async(std::launch::async, [&] {
    return drover({"logs", "-f", "web-1"});
  });
  const auto await_streams = [&](std::size_t opened) {
    while (node_.count("stream.open") < opened) {
      std::this_thread::yield();
    }
  };
  await_streams(1);
  node_.call([](State& state, Faults&) {
    // Stopped for a moment: its restart policy is going to start it again.
    state.containers.at("web-1").restarting = true;
    state.finish("web-1", 1);
  });
  node_.call([](State& state, Faults&) {
    state.containers.at("web-1").log += "2027-01-15T08:00:09.000000000Z stdout F second\n";
    state.set_running("web-1");
  });
  await_streams(2);
  node_.call([](State& state, Faults&) {
    state.containers.at("web-1").restarting = false;
    state.finish("web-1", 9);
  });
  const system::Output output = logs.get();
  EXPECT_EQ(output.ending.code, 0) << output.err;
  EXPECT_EQ(output.out, "first\nsecond\n");
}

TEST_F(Commands, LogsHaveWhatALastRunPrintedThatNobodySaw) {
  have_container("web-1", "echo first; sleep");
  std::future<system::Output> logs = std::async(std::launch::async, [&] {
    return drover({"logs", "-f", "web-1"});
  });
  while (node_.count("stream.open") < 1) {
    std::this_thread::yield();
  }
  const std::size_t asked = node_.count("query.container");
  node_.call([](State& state, Faults& faults) {
    state.containers.at("web-1").restarting = true;
    state.finish("web-1", 1);
    // Whether it has stopped for good is asked twice, with time between.
    faults.drop = 1;
  });
  while (node_.count("query.container") == asked) {
    std::this_thread::yield();
  }
  node_.call([](State& state, Faults&) {
    state.containers.at("web-1").log += "2027-01-15T08:00:09.000000000Z stdout F second\n";
    state.set_running("web-1");
    state.containers.at("web-1").restarting = false;
    state.finish("web-1", 9);
  });
  const system::Output output = logs.get();
  EXPECT_EQ(output.ending.code, 0) << output.err;
  EXPECT_EQ(output.out, "first\nsecond\n");
}

TEST_F(Commands, ConfigCheckPrintsEveryFault) {
  const std::filesystem::path file = node_.bus() / "droverd.json";
  ASSERT_TRUE(system::write_atomically(
      file, "{\n  \"node\": \"No\",\n  \"runtime\": { \"wrokers\": 1 }\n}\n"));
  const system::Output faulty = drover({"config", "check", file.native()});
  EXPECT_EQ(faulty.ending.code, 1);
  EXPECT_NE(faulty.err.find(file.native() + ":2: /node: "), std::string::npos) << faulty.err;
  EXPECT_NE(faulty.err.find(file.native() + ":3: /runtime/wrokers: "), std::string::npos);
  ASSERT_TRUE(system::write_atomically(file, "{} // all defaults\n"));
  const system::Output good = drover({"config", "check", file.native()});
  EXPECT_EQ(good.ending.code, 0) << good.err;
  EXPECT_EQ(drover({"config", "check", "/nonexistent.json"}).ending.code, 125);
}

}  // namespace
}  // namespace drover::cli
