#include "runtimes/network/plugin_chain.h"

#include <gmock/gmock.h>

#include <fstream>
#include <memory>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// What a plugin was called for, in a line of the log.
struct Called {
  std::string plugin;
  std::string command;
  json::Value config;
};

/// Plugins that write down how they are called, and fail when a file says so.
class PluginChainTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(plugins());
    for (const char* name : {"link", "second", "third"}) {
      make_plugin(name, {"0.3.1", "0.4.0", "1.0.0"});
    }
    runner_ = std::make_unique<ChainRunner>(std::vector{plugins()}, folder_ / "kept");
    chain_ = {"web-1", "job-1", "eth0", "drover-vmbr0"};
    for (const char* name : {"link", "second", "third"}) {
      chain_.plugins.emplace_back(json::Object{{"type", name}});
    }
  }

  system::Path plugins() const { return folder_ / "plugins"; }
  /// Answers ADD with the interface inside and its own name as the hardware address.
  void make_plugin(const std::string& name, const std::vector<std::string>& versions) {
    const system::Path file = plugins() / name;
    std::string spoken;
    for (const std::string& version : versions) {
      spoken += (spoken.empty() ? "\"" : ",\"") + version + "\"";
    }
    std::ofstream(file) << "#!/bin/sh\nconfig=$(cat)\ncd " << folder_.path().native() << "\n"
                        << "[ $CNI_COMMAND = VERSION ] && { echo version >> versions; echo "
                        << "'{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[" << spoken
                        << "]}'; exit; }\n"
                        << "echo '" << name << "' $CNI_COMMAND \"$config\" >> log\n"
                        << "[ -e fail-" << name << "-$CNI_COMMAND ] && { cat fail-" << name
                        << "-$CNI_COMMAND; exit 1; }\n"
                        << "[ $CNI_COMMAND = ADD ] && echo '{\"interfaces\":[{\"name\":\"veth0\"},"
                        << "{\"name\":\"eth0\",\"sandbox\":\"/n\",\"mac\":\"" << name << "\"}]}'\n"
                        << "exit 0\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  void fail_at(const std::string& plugin, const std::string& command, const std::string& answer) {
    std::ofstream(folder_ / ("fail-" + plugin + "-" + command)) << answer;
  }
  void fail_no_more(const std::string& plugin, const std::string& command) {
    std::filesystem::remove(folder_ / ("fail-" + plugin + "-" + command));
  }
  /// Those since the last time that was asked.
  std::vector<Called> calls() {
    std::vector<Called> calls;
    std::ifstream log(folder_ / "log");
    Called call;
    std::string config;
    while (log >> call.plugin >> call.command && std::getline(log, config)) {
      call.config = json::parse(config).value();
      calls.push_back(call);
    }
    log.close();
    std::filesystem::remove(folder_ / "log");
    return calls;
  }
  static std::vector<std::string> names(const std::vector<Called>& calls) {
    std::vector<std::string> names;
    for (const Called& call : calls) {
      names.push_back(call.command + " " + call.plugin);
    }
    return names;
  }
  static std::string_view told(const Called& call) {
    const json::Array* interfaces = call.config.at("prevResult").at("interfaces").array();
    return interfaces == nullptr ? "" : interfaces->back().at("mac").string_or("");
  }
  Result<json::Value> add() {
    return runner_->add(
        chain_, "/n", [](json::Value result) { return result; }, stop_);
  }

  fakes::TempFolder folder_;
  system::Stop stop_;
  PluginChain chain_;
  std::unique_ptr<ChainRunner> runner_;
};

TEST_F(PluginChainTest, EachIsToldWhatTheOneBeforeHasAnswered) {
  const auto settle = [](json::Value result) -> Result<json::Value> {
    result.object()->set("settled", true);
    return result;
  };
  ASSERT_TRUE(runner_->add(chain_, "/n", settle, stop_));
  const std::vector<Called> made = calls();
  ASSERT_THAT(names(made), ElementsAre("ADD link", "ADD second", "ADD third"));
  EXPECT_EQ(told(made.at(0)), "");
  EXPECT_EQ(told(made.at(1)), "link");
  EXPECT_EQ(told(made.at(2)), "second");
  EXPECT_EQ(made.at(1).config.at("prevResult").at("settled"), json::Value(true));
  for (const Called& call : made) {
    EXPECT_EQ(call.config.at("cniVersion").string_or(""), "1.0.0");
    EXPECT_EQ(call.config.at("name").string_or(""), "drover-vmbr0");
  }
}

TEST_F(PluginChainTest, ALaterAgentTakesBackWhatWasKeptTheLastFirst) {
  ASSERT_TRUE(add());
  calls();
  const std::vector<PluginChain> kept = kept_chains(folder_ / "kept", "web-1");
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept.front().job, "job-1");
  EXPECT_TRUE(kept_chains(folder_ / "kept", "web-2").empty());
  // It would have made another one of it.
  PluginChain otherwise = chain_;
  otherwise.plugins.pop_back();
  ChainRunner later({plugins()}, folder_ / "kept");
  ASSERT_TRUE(later.del(otherwise, "", stop_));
  const std::vector<Called> undone = calls();
  ASSERT_THAT(names(undone), ElementsAre("DEL third", "DEL second", "DEL link"));
  for (const Called& call : undone) {
    EXPECT_EQ(told(call), "third") << "the whole result goes to each";
  }
  EXPECT_TRUE(kept_chains(folder_ / "kept", "web-1").empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "kept"));
  // Once more it is the plugins' to find nothing.
  ASSERT_TRUE(later.del(otherwise, "", stop_));
  const std::vector<Called> again = calls();
  ASSERT_THAT(names(again), ElementsAre("DEL second", "DEL link"));
  EXPECT_EQ(told(again.front()), "");
}

TEST_F(PluginChainTest, WhatWasAddedBeforeAFailureIsTakenBackWithWhatHadFailed) {
  fail_at("second", "ADD", R"({"code":7,"msg":"no good","details":"port 0"})");
  const auto failed = add();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::broken);
  EXPECT_THAT(failed.error().message,
              HasSubstr("CNI plugin second ADD eth0 of web-1: no good: port 0 (its configuration "
                        "is wrong)"));
  calls();
  ASSERT_TRUE(runner_->del(chain_, "/n", stop_));
  const std::vector<Called> undone = calls();
  EXPECT_THAT(names(undone), ElementsAre("DEL third", "DEL second", "DEL link"));
  EXPECT_EQ(told(undone.front()), "link");
}

TEST_F(PluginChainTest, ADeletionThatFailsIsGoneOnWithLater) {
  ASSERT_TRUE(add());
  fail_at("second", "DEL", R"({"code":11,"msg":"the rules are locked"})");
  calls();
  const auto later = runner_->del(chain_, "/n", stop_);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, Code::unavailable) << "code 11: another time it may do";
  EXPECT_THAT(names(calls()), ElementsAre("DEL third", "DEL second"));
  fail_no_more("second", "DEL");
  ASSERT_TRUE(runner_->del(chain_, "/n", stop_));
  EXPECT_THAT(names(calls()), ElementsAre("DEL third", "DEL second", "DEL link"));
}

TEST_F(PluginChainTest, AllAreSpokenToInTheNewestVersionThatAllKnow) {
  make_plugin("third", {"0.3.1", "0.4.0"});
  ASSERT_TRUE(add());
  for (const Called& call : calls()) {
    EXPECT_EQ(call.config.at("cniVersion").string_or(""), "0.4.0") << call.plugin;
  }
  ASSERT_TRUE(runner_->del(chain_, "/n", stop_));
  EXPECT_EQ(calls().front().config.at("cniVersion").string_or(""), "0.4.0");
  // Before 0.4.0 there was no result for DEL to be told.
  make_plugin("third", {"0.2.0", "0.3.1"});
  ASSERT_TRUE(add());
  ASSERT_TRUE(runner_->del(chain_, "/n", stop_));
  EXPECT_EQ(told(calls().back()), "");
  make_plugin("third", {"0.1.0", "0.2.0"});
  const auto refused = add();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("third speaks 0.1.0, 0.2.0"));
  EXPECT_TRUE(calls().empty()) << "nothing is begun";
  std::ifstream versions(folder_ / "versions");
  const std::string all{std::istreambuf_iterator<char>(versions), {}};
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 5)
      << "each is asked once while it is the same";
}

TEST_F(PluginChainTest, WhatOthersHaveFlushedIsAddedAgainBehindTheLink) {
  ASSERT_TRUE(add());
  calls();
  std::string cleared;
  const auto clear = [&](const std::string& type, const json::Value& result) -> Result<> {
    cleared += type + " of " +
               std::string(result.at("interfaces").array()->back().at("mac").string_or(""));
    return {};
  };
  const auto mend = [&](const std::string& name) {
    return runner_->mend(name, "eth0", "/n", clear, stop_);
  };
  ASSERT_TRUE(mend("web-1"));
  const std::vector<Called> whole = calls();
  EXPECT_THAT(names(whole), ElementsAre("CHECK second", "CHECK third"));
  EXPECT_EQ(told(whole.front()), "third");
  EXPECT_EQ(cleared, "");
  fail_at("third", "CHECK", R"({"code":100,"msg":"no rule"})");
  ASSERT_TRUE(mend("web-1"));
  const std::vector<Called> mended = calls();
  EXPECT_THAT(names(mended), ElementsAre("CHECK second", "CHECK third", "DEL third", "ADD third"));
  EXPECT_EQ(told(mended.back()), "second");
  EXPECT_EQ(cleared, "third of link");
  EXPECT_EQ(kept_chains(folder_ / "kept", "web-1").front().results.size(), 3U);
  ASSERT_TRUE(mend("web-2")) << "one that was not kept";
  EXPECT_TRUE(calls().empty());
}

TEST_F(PluginChainTest, APluginThatIsNotThereHasNothingToTakeBack) {
  chain_.plugins.emplace_back(json::Object{{"type", "fourth"}});
  const auto made = add();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::not_found);
  EXPECT_THAT(made.error().message, HasSubstr("no CNI plugin fourth in " + plugins().native()));
  ASSERT_TRUE(runner_->del(chain_, "", stop_));
  EXPECT_THAT(names(calls()), ElementsAre("DEL third", "DEL second", "DEL link"));
}

TEST_F(PluginChainTest, WhatIsKeptIsReadAsItWasWrittenOrNotAtAll) {
  chain_.version = "1.0.0";
  chain_.results = {json::Value(json::Object{{"a", 1}})};
  EXPECT_EQ(to_json(plugin_chain_from_json(to_json(chain_)).value()), to_json(chain_));
  for (const char* text :
       {"{}", "[]", R"({"container":"web-1","interface":"eth0"})",
        R"({"container":"web-1","interface":"eth0","plugins":[{}],"results":[1,2]})"}) {
    EXPECT_FALSE(plugin_chain_from_json(json::parse(text).value())) << text;
  }
  ASSERT_TRUE(add());
  std::ofstream(chain_file(folder_ / "kept", "web-1", "eth0")) << "{";
  EXPECT_TRUE(kept_chains(folder_ / "kept", "web-1").empty());
  calls();
  ASSERT_TRUE(runner_->del(chain_, "/n", stop_)) << "what it would be made as now is left";
  EXPECT_THAT(names(calls()), ElementsAre("DEL third", "DEL second", "DEL link"));
}

}  // namespace
}  // namespace drover::runtimes
