// What a program inside is given: its words, variables, name, user and folder.
#include "conformance.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

const char* const kBreak = "two\nlines";
const char* const kLetters = "grüße ☃ 日本";

class ConformanceInside : public Conformance {
 protected:
  /// As bin/words prints them.
  static std::string told(const std::vector<std::string>& words, const std::string& variable) {
    std::string text;
    for (const std::string& word : words) {
      text += fmt::format("<{}>\n", word);
    }
    return text + fmt::format("[{}]\n", variable);
  }
  void expect_given(std::vector<std::string> words, const std::string& variable) {
    const std::string text = told(words, variable);
    words.insert(words.begin(), "words");
    Container made = container(words);
    made.spec.env = {{"WORD", variable}};
    const auto accepted = runtime_->accepts(made.spec);
    ASSERT_TRUE(accepted) << to_text(accepted.error());
    run(made);
    await_end(made);
    EXPECT_EQ(printed(made), text);
  }
  void expect_refused(const std::vector<std::string>& words, const std::string& variable,
                      const std::string& field) {
    ContainerSpec spec = container(words).spec;
    spec.env = {{"WORD", variable}};
    const auto accepted = runtime_->accepts(spec);
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, Code::refused);
    EXPECT_THAT(accepted.error().message, HasSubstr(field));
  }
};

ON_EVERY_RUNTIME(ConformanceInside);

TEST_P(ConformanceInside, WordsAndVariablesComeAsTheyAre) {
  expect_given({"two words", "it's", "\"quoted\"", "", "$HOME", "`id`", "a\\nb", "*", "a=b", "#"},
               "it's \"this\" $HOME \\n = 'that'");
  if (is_guest()) {
    // Neither LXC's line of words nor Proxmox's own file can hold these.
    expect_refused({"words", kBreak}, "", "command");
    expect_refused({"words", kLetters}, "", "command");
    expect_refused({"words", "both ' and \""}, "", "command");
    expect_refused({"words"}, kBreak, "WORD");
    expect_refused({"words"}, kLetters, "WORD");
    return;
  }
  expect_given({kBreak, kLetters, "both ' and \" and blanks ", "\ttab"},
               fmt::format("{}\n{} ", kBreak, kLetters));
}

TEST_P(ConformanceInside, WordsAndVariablesOfACommandComeAsTheyAre) {
  const std::vector<std::string> words{"two words", "both ' and \"", "", kBreak, kLetters};
  std::vector<std::string> command = words;
  command.insert(command.begin(), "words");
  const Executed executed = execute(resting(), {command, {{"WORD", kBreak}}, "", ""});
  ASSERT_TRUE(executed.code) << to_text(executed.code.error());
  EXPECT_EQ(executed.out, told(words, kBreak)) << executed.err;
}

TEST_P(ConformanceInside, NameUserAndFolder) {
  Container made = shell("hostname; id; pwd");
  made.spec.hostname = "other";
  if (is_guest()) {
    run(made);
    await_end(made);
    EXPECT_EQ(printed(made), "other\nuid=0(root) gid=0(root)\n/\n");
    for (const char* field : {"user", "cwd"}) {
      ContainerSpec spec = made.spec;
      (field == std::string("user") ? spec.user : spec.cwd) = "/srv";
      const auto accepted = runtime_->accepts(spec);
      ASSERT_FALSE(accepted);
      EXPECT_EQ(accepted.error().code, Code::refused);
      EXPECT_THAT(accepted.error().message, HasSubstr(field));
    }
    return;
  }
  made.spec.user = "web";
  made.spec.cwd = "/made/for/it";
  run(made);
  EXPECT_EQ(await_end(made).code, 0);
  EXPECT_EQ(printed(made), "other\nuid=33(web) gid=34(web) groups=44(video)\n/made/for/it\n");
}

TEST_P(ConformanceInside, TheImageSaysWhatTheJobDoesNot) {
  if (is_guest()) {
    GTEST_SKIP() << "Proxmox itself reads what an image says";
  }
  Container made = container({});
  made.image = {{"sh", "-c"}, {"id -u; pwd; echo $A $B"}, {"A=image", "B=image"}, "/tmp", "33", ""};
  made.spec.env = {{"B", "job"}};
  run(made);
  EXPECT_EQ(await_end(made).code, 0);
  EXPECT_EQ(printed(made), "33\n/tmp\nimage job\n");
}

TEST_P(ConformanceInside, ItIsConfined) {
  if (is_guest()) {
    GTEST_SKIP() << "how its guests are confined Proxmox decides";
  }
  const Container made = shell(
      "exec 2>&1; grep -E '^(CapBnd|CapPrm|CapEff|CapAmb|NoNewPrivs):' /proc/self/status;"
      "echo pid $$; echo 1 > /proc/sys/kernel/panic && echo wrote; touch /sys/x && echo wrote;"
      "mknod /tmp/n c 1 8 && echo wrote; head -c 1 /proc/kcore | grep -q . && echo read;"
      "cat /proc/self/oom_score_adj; ulimit -n; umask; true");
  run(made);
  EXPECT_EQ(await_end(made).code, 0);
  const std::string text = printed(made);
  // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE,
  // SYS_CHROOT and SETFCAP (capability.h).
  for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("{}:\t00000000800405fb", set)));
  }
  EXPECT_THAT(text, HasSubstr("CapAmb:\t0000000000000000"));
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(text, HasSubstr("pid 1\n"));
  EXPECT_THAT(text, testing::Not(testing::AnyOf(HasSubstr("wrote"), HasSubstr("read\n"))));
  EXPECT_THAT(text, HasSubstr("\n0\n1024\n0022\n"));
}

TEST_P(ConformanceInside, AUserWhoIsNotRootHoldsNoCapability) {
  if (is_guest()) {
    GTEST_SKIP() << "a guest's program is its root, or who its OCI image says";
  }
  Container made = container({"grep", "CapEff", "/proc/self/status"});
  made.spec.user = "5000:5000";
  run(made);
  EXPECT_EQ(await_end(made).code, 0);
  EXPECT_EQ(printed(made), "CapEff:\t0000000000000000\n");
}

TEST_P(ConformanceInside, ACommandHasTheContainersVariablesAndItsOwnUserAndFolder) {
  // A guest's users have numbers only.
  const Executed executed =
      execute(resting(), {{"sh", "-c", "echo $A $B; pwd; id -u; echo err >&2"},
                          {{"B", "command"}},
                          "/srv/here",
                          is_guest() ? "33:34" : "web"});
  ASSERT_TRUE(executed.code) << to_text(executed.code.error());
  EXPECT_EQ(executed.out, "container command\n/srv/here\n33\n");
  EXPECT_EQ(executed.err, "err\n");
}

}  // namespace
}  // namespace drover::runtimes
