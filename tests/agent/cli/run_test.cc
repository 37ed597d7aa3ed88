#include "drover_program.h"

namespace drover::cli {
namespace {

using RunCommand = DroverProgram;

TEST_F(RunCommand, PrintsTheNameAndEachStep) {
  const system::Output output = drover({"run", "--name", "web-1", "--", "sh", "-c", "sleep"});
  EXPECT_EQ(output.ending.code, 0) << output.err;
  EXPECT_EQ(output.out, "web-1\n");
  EXPECT_EQ(output.err,
            "[1/3] volume.allocate data … done\n"
            "[2/3] network.attach eth0 … done\n"
            "[3/3] runtime.start … done\n");
}

TEST_F(RunCommand, CreateMakesWhatStartStarts) {
  const system::Output made =
      drover({"create", "-q", "--name", "web-1", "--", "sh", "-c", "sleep"});
  EXPECT_EQ(made.ending.code, 0) << made.err;
  EXPECT_EQ(made.out, "web-1\n");
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").status, Status::created);
  });
  EXPECT_EQ(drover({"start", "-q", "web-1"}).ending.code, 0);
  node_.call([](State& state, Faults&) {
    EXPECT_EQ(state.containers.at("web-1").status, Status::running);
  });
}

TEST_F(RunCommand, MakesANameAndKeepsQuiet) {
  const system::Output output = drover({"run", "-q", "sh", "-c", "sleep"});
  EXPECT_EQ(output.ending.code, 0) << output.err;
  EXPECT_EQ(output.err, "");
  EXPECT_FALSE(output.out.empty());
}

TEST_F(RunCommand, WaitPrintsWhatTheContainerPrintsAndExitsAsItDoes) {
  const system::Output output =
      drover({"run", "-q", "--name", "web-1", "--runtime", "runc", "--wait", "--", "sh", "-c",
              "echo hello; warn oops; exit 7"});
  EXPECT_EQ(output.ending.code, 7);
  EXPECT_EQ(output.out, "hello\n");
  EXPECT_EQ(output.err, "oops\n");
}

TEST_F(RunCommand, ASignalIs128AndItsNumber) {
  EXPECT_EQ(drover({"run", "-q", "--wait", "--", "sh", "-c", "exit 137"}).ending.code, 137);
}

TEST_F(RunCommand, WaitsUntilALongerOneEnds) {
  Result<system::Child> child =
      system::Child::start({DROVER_PROGRAM, "--bus", node_.bus().native(), "run", "-q", "--name",
                            "web-1", "--wait", "--", "sh", "-c", "sleep"});
  ASSERT_TRUE(child);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < until) {
    node_.call([&](State& state, Faults&) {
      // It follows the log by now, so it waits for nothing but the end.
      if (state.containers.contains("web-1")) {
        state.finish("web-1", 9);
        ended = true;
      }
    });
  }
  system::Child program = std::move(*child);
  const Result<system::Ending> ending = program.wait(stop_, std::chrono::seconds(60));
  ASSERT_TRUE(ending);
  EXPECT_EQ(ending->code, 9);
}

TEST_F(RunCommand, RmDeletesItInTheEnd) {
  EXPECT_EQ(drover({"run", "-q", "--wait", "--rm", "--", "sh", "-c", "exit 3"}).ending.code, 3);
  node_.call([](State& state, Faults&) { EXPECT_TRUE(state.containers.empty()); });
}

TEST_F(RunCommand, ANameThatIsTakenIsAFailedJob) {
  have_container("web-1", "sleep");
  const std::vector<std::string> again = {"run", "-q", "--name", "web-1",
                                          "--",  "sh", "-c",     "exit 0"};
  const system::Output output = drover(again);
  EXPECT_EQ(output.ending.code, 1);
  EXPECT_NE(output.err.find("create web-1"), std::string::npos) << output.err;
  std::vector<std::string> waiting = again;
  waiting.insert(waiting.begin() + 1, "--wait");
  EXPECT_EQ(drover(waiting).ending.code, 125);
}

TEST_F(RunCommand, TheSameIdIsTheSameJob) {
  const std::vector<std::string> arguments = {"run",    "-q", "--name", "web-1", "--id",  "job-1",
                                              "--wait", "--", "sh",     "-c",    "exit 5"};
  EXPECT_EQ(drover(arguments).ending.code, 5);
  EXPECT_EQ(drover(arguments).ending.code, 5);
  node_.call([](State& state, Faults&) { EXPECT_EQ(state.jobs.size(), 1U); });
}

TEST_F(RunCommand, ALostFirstMessageIsSentAgain) {
  // The query of the subscription comes first; then the job is dropped.
  node_.call([](State&, Faults& faults) { faults.drop = 2; });
  EXPECT_EQ(drover({"run", "-q", "--wait", "--", "sh", "-c", "exit 4"}).ending.code, 4);
  EXPECT_GE(node_.count("job.submit") + node_.count("query.node"), 4U);
}

TEST_F(RunCommand, EventsThatWereLostAreReplayed) {
  node_.call([](State&, Faults& faults) { faults.lose_events = 1'000'000; });
  const system::Output output = drover({"run", "--name", "web-1", "--", "sh", "-c", "sleep"});
  EXPECT_EQ(output.ending.code, 0);
  EXPECT_NE(output.err.find("[3/3] runtime.start … done\n"), std::string::npos) << output.err;
}

TEST_F(RunCommand, EveryFaultOfARefusedJobIsTold) {
  const system::Output output = drover({"run", "-q", "--name", "web-1", "-v", "data:relative:1G",
                                        "--network", "eth0=vmbr0,address=nowhere", "--", "sh"});
  EXPECT_EQ(output.ending.code, 125);
  EXPECT_NE(output.err.find("\n  --volume or --mount number 1, target: must be an absolute path"),
            std::string::npos)
      << output.err;
  EXPECT_NE(output.err.find("\n  --network number 1, address: must be an address"),
            std::string::npos)
      << output.err;
  // It was found before anybody was asked.
  EXPECT_EQ(node_.count("job.submit"), 0U);
}

TEST_F(RunCommand, FlagsThatGoWithAnotherAreRefusedWithoutIt) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--restart-exempt", "3"},
                                                {"--restart", "never", "--restart-exempt", "3"},
                                                {"--probe-interval", "3"}}) {
    std::vector<std::string> line = {"run", "-q"};
    line.insert(line.end(), flags.begin(), flags.end());
    line.emplace_back("sh");
    const system::Output output = drover(line);
    EXPECT_EQ(output.ending.code, 125);
    EXPECT_NE(output.err.find(flags[flags.size() - 2]), std::string::npos) << output.err;
    EXPECT_NE(output.err.find("with --"), std::string::npos) << output.err;
  }
  EXPECT_EQ(node_.count("job.submit"), 0U);
  EXPECT_EQ(
      drover({"run", "-q", "--restart", "always:2", "--restart-exempt", "3", "sh"}).ending.code, 0);
}

TEST_F(RunCommand, OptionsBehindTheProgramAreThePrograms) {
  ASSERT_EQ(
      drover({"run", "-q", "--name", "web-1", "-e", "A=1", "sh", "--name", "x", "-e", "--", "y"})
          .ending.code,
      0);
  node_.call([](State& state, Faults&) {
    const json::Value& spec = state.containers.at("web-1").spec;
    EXPECT_EQ(json::write(spec.at("command")), R"(["sh","--name","x","-e","--","y"])");
    EXPECT_EQ(json::write(spec.at("env")), R"({"A":"1"})");
  });
}

TEST_F(RunCommand, AMissingBusIsToldAtOnce) {
  const system::Output output = drover_on("/nonexistent/bus", {"run", "--wait", "--", "sh"});
  EXPECT_EQ(output.ending.code, 125);
  EXPECT_NE(output.err.find("/nonexistent/bus"), std::string::npos);
  EXPECT_NE(output.err.find("is droverd running?"), std::string::npos);
}

TEST_F(RunCommand, AMalformedAnswerIsDroversFailure) {
  node_.call([](State&, Faults& faults) { faults.garble = 1; });
  const system::Output output = drover({"run", "--wait", "--", "sh"});
  EXPECT_EQ(output.ending.code, 125);
  EXPECT_NE(output.err.find("query.node"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace drover::cli
