// Commands that show what a node answers without a job: what containers use, and what would become
// of a spec.
#include "agent/core/json.h"
#include "agent/system/file.h"
#include "drover_program.h"

namespace drover::cli {
namespace {

using Answers = DroverProgram;

TEST_F(Answers, StatsTellsRatesOverASecond) {
  have_container("web-1", "sleep");
  have_container("job-2", "exit 7");
  const system::Output output = drover({"stats"});
  EXPECT_EQ(output.ending.code, 0) << output.err;
  EXPECT_EQ(output.out,
            "NAME   STATUS   CPU    THROTTLED  MEMORY   LIMIT     SWAP  PIDS  READ   WRITTEN  "
            "RECEIVED  SENT\n"
            "web-1  running  25.0%  1 ms       3.0 MiB  64.0 MiB  -     2     512 B  0 B      "
            "8.0 KiB   2 B\n");
  const auto list = json::parse(drover({"stats", "--json", "job-2", "web-1"}).out);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->array()->size(), 2U);
  EXPECT_EQ(list->array()->at(0).find("cpu"), nullptr) << "it does not run";
  EXPECT_EQ(list->array()->at(1).at("networks").array()->size(), 2U);
  const system::Output missing = drover({"stats", "web-9"});
  EXPECT_EQ(missing.ending.code, 1);
  EXPECT_EQ(missing.err, "drover: node fake has no container web-9\n");
}

TEST_F(Answers, ExplainNamesTheRule) {
  EXPECT_EQ(drover({"explain", "my-app-db"}).out,
            "my-app-db gets runtime runc (/usr/sbin/runc)\n"
            "by /runtime/rules/2 of the configuration: pattern \"*-db\"\n");
}

TEST_F(Answers, ExplainTellsWhatEachRuntimeRefusesOfASpec) {
  const std::vector<std::string> spec = {"explain", "my-app-db", "--secret", "key"};
  const system::Output told = drover(spec);
  EXPECT_EQ(told.ending.code, 0) << told.err;
  EXPECT_EQ(told.out,
            "my-app-db gets runtime runc (/usr/sbin/runc)\n"
            "by /runtime/rules/2 of the configuration: pattern \"*-db\"\n"
            "\nrunc: accepted\n"
            "\nlxc: refused\n  secrets: lxc, secrets: it has none\n");
  const system::Output wished = drover({"explain", "--runtime", "lxc", "--secret", "key"});
  EXPECT_EQ(wished.ending.code, 1) << "the one that it would get refuses it";
  EXPECT_NE(wished.out.find("any-name gets runtime lxc"), std::string::npos) << wished.out;
  EXPECT_NE(wished.out.find("by the spec's own wish"), std::string::npos) << wished.out;
  const system::Output config =
      drover({"explain", "web-1", "--runtime", "runc", "--", "sh", "-c", "exit 7"});
  EXPECT_NE(config.out.find("config.json:\n{\n  \"ociVersion\": \"1.0.2\"\n}\n"), std::string::npos)
      << config.out;
  EXPECT_NE(config.out.find("\nlxc: accepted\n  no checkpoints: it restores none\n"),
            std::string::npos)
      << config.out;
  const fakes::TempFolder folder;
  ASSERT_TRUE(system::write_atomically(folder / "spec.json", R"({"secrets":[{"name":"key"}]})"));
  const auto json = json::parse(drover({"explain", "--spec", folder / "spec.json", "--json"}).out);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->at("runtimes").array()->size(), 2U);
}

}  // namespace
}  // namespace drover::cli
