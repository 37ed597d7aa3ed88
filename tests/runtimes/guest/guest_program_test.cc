// What a guest of an OCI archive is told to run.
#include "runtimes/guest/guest_program.h"

#include <gmock/gmock.h>

#include "guest_fixture.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using namespace std::string_literals;

/// As LXC reads a line of its configuration (parse_line in confile.c) and splits a command
/// (lxc_string_split_quoted).
std::vector<std::string> as_lxc_splits(std::string line) {
  if (line.size() > 1 && (line.front() == '"' || line.front() == '\'') &&
      line.back() == line.front()) {
    line = line.substr(1, line.size() - 2);
  }
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    if (std::isspace(static_cast<unsigned char>(line[at])) != 0) {
      ++at;
      continue;
    }
    const bool in_quotes = line[at] == '"' || line[at] == '\'';
    const std::size_t begin = in_quotes ? at + 1 : at;
    const std::size_t end = std::min(line.find(in_quotes ? line[at] : ' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    at = end + 1;
  }
  return words;
}

TEST(GuestProgram, LxcReadsTheCommandThatTheJobNames) {
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"/bin/app"},
           {"/bin/app", "serve", "--port", "8080", "with space"},
           {"two words"},
           {"a b", "c d"},
           {"a b", "it's here"},
           {"it's", "\"quoted\"", "'", "\""},
           {"sh", "-c", "echo \"$HOME\"; exec sleep 5"},
           {"sh", "-c", "echo 'x y'"},
           {"", "x", ""},
           {""},
           {"x", "\\n", "$(id)", "#", "a=b"},
       }) {
    const auto line = entrypoint_of(command);
    ASSERT_TRUE(line) << line.error().message;
    EXPECT_EQ(as_lxc_splits(*line), command) << *line;
  }
}

TEST(GuestProgram, ABackupThatIsNotCompressedIsNoArchiveOfAnImage) {
  EXPECT_TRUE(is_archive("local:vztmpl/app.tar"));
  EXPECT_FALSE(is_archive("local:vztmpl/debian.tar.gz"));
  EXPECT_FALSE(is_archive("local:backup/vzdump-lxc-100-2026_11_23-22_59_35.tar"));
}

TEST(GuestProgram, WhatCannotBeWrittenIsRefusedByName) {
  for (const char* word : {"a 'b' \"c\"", "'a\"b", "line\nbreak", "tab\there", "\x7f"}) {
    const auto line = entrypoint_of({"sh", word});
    ASSERT_FALSE(line) << word << *line;
    EXPECT_EQ(line.error().code, Code::refused);
    EXPECT_THAT(line.error().message, HasSubstr("pve-lxc, command:"));
  }
  EXPECT_TRUE(check_environment({{"A_1", "x \"y\" 'z'"}, {"EMPTY", ""}}));
  for (const std::map<std::string, std::string>& env :
       std::vector<std::map<std::string, std::string>>{
           {{"a-b", "1"}}, {{"A", "1\n2"}}, {{"A", "ends "}}, {{"A.B", ""}}}) {
    EXPECT_THAT(check_environment(env).error().message, HasSubstr("pve-lxc, env:"));
  }
}

TEST(GuestProgram, LettersThatProxmoxGarblesAreRefusedByName) {
  for (const char* const text : {"caf\u00e9", "\u4e2d", "\x80"}) {
    const auto line = entrypoint_of({"sh", text});
    ASSERT_FALSE(line) << *line;
    EXPECT_EQ(line.error().code, Code::refused);
    EXPECT_THAT(line.error().message, AllOf(HasSubstr("command:"), HasSubstr("not ASCII")));
    const auto env = check_environment({{"A", "plain"}, {"GREETING", text}});
    ASSERT_FALSE(env);
    EXPECT_EQ(env.error().code, Code::refused);
    EXPECT_THAT(env.error().message, AllOf(HasSubstr("not ASCII"), HasSubstr("GREETING")));
  }
}

TEST(GuestProgram, VariablesOfTheImageStayWhereTheJobNamesNone) {
  ContainerSpec spec;
  spec.env = {{"B", "mine"}, {"C", "3"}};
  const json::Value config = json::Object{{"env", "A=1\0B=2\0D=x y"s}};
  EXPECT_THAT(program_form(spec, config).value(),
              ElementsAre(Pair("env", "A=1\0D=x y\0B=mine\0C=3"s)));
  // Once it is so, it is not asked for again.
  const json::Value after = json::Object{{"env", "A=1\0D=x y\0B=mine\0C=3"s}};
  EXPECT_THAT(program_form(spec, after).value(), IsEmpty());
}

TEST(GuestProgram, AVariableOfTheImageThatProxmoxWouldNotTakeIsToldByName) {
  ContainerSpec spec;
  spec.env = {{"B", "mine"}};
  for (const auto& [text, name] : std::vector<std::pair<std::string, std::string>>{
           {"A=1\0my.key=1"s, "my.key"}, {"PS1=ends \0A=1"s, "PS1"}, {"C=\u00e4"s, "C"}}) {
    const auto form = program_form(spec, json::Object{{"env", text}});
    ASSERT_FALSE(form) << text;
    EXPECT_EQ(form.error().code, Code::refused);
    EXPECT_THAT(form.error().message,
                AllOf(HasSubstr("those of the image"), HasSubstr(" " + name)));
  }
  // The job's own stands in its place, and without variables of the job's nothing is written.
  spec.env = {{"PS1", "mine"}};
  EXPECT_THAT(program_form(spec, json::Object{{"env", "A=1\0PS1=ends "s}}).value(),
              ElementsAre(Pair("env", "A=1\0PS1=mine"s)));
  spec.env.clear();
  EXPECT_THAT(program_form(spec, json::Object{{"env", "my.key=1"}}).value(), IsEmpty());
}

class GuestProgramTest : public GuestFixture {
 protected:
  GuestProgramTest() {
    app_.spec.image = "local:vztmpl/app_1.0.tar";
    app_.spec.command = {"/bin/app", "two words"};
    app_.spec.env = {{"A", "1"}};
  }
  std::string config(const char* key) {
    const json::Value* value = guest().config.find(key);
    return value == nullptr ? "" : std::string(value->string_or(""));
  }
  void expect_program() {
    EXPECT_EQ(config("entrypoint"), "/bin/app 'two words'");
    EXPECT_EQ(config("cmode"), "console");
    EXPECT_EQ(config("env"), "A=1");
  }
  Container app_ = container("app-1", "Job-1");
};

TEST_F(GuestProgramTest, IsSetOnceTheGuestIsThere) {
  ASSERT_TRUE(runtime_.create(app_, stop_));
  expect_program();
  EXPECT_THAT(config("net0"), HasSubstr("host-managed=1"));
  // It was not asked for with the creation, where the image's would have been put over it.
  EXPECT_EQ(api_.requests.back(), "PUT /nodes/pve1/lxc/5000/config");
}

TEST_F(GuestProgramTest, OneThatWasMadeBeforeAnAgentEndedGetsItsProgram) {
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config", {Code::unavailable, "nobody there", {}});
  EXPECT_EQ(runtime_.create(app_, stop_).error().code, Code::unavailable);
  EXPECT_EQ(config("entrypoint"), "");
  ASSERT_TRUE(runtime_.create(app_, stop_));
  EXPECT_EQ(api_.guests.size(), 1U);
  expect_program();
}

TEST_F(GuestProgramTest, IsSetAlsoWhenAnAdminChangesTheGuestOrAnAnswerIsLost) {
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config",
                 {Code::conflict, "detected modified configuration", {}});
  ASSERT_TRUE(runtime_.create(app_, stop_));
  expect_program();
  ASSERT_TRUE(runtime_.remove(app_, true, stop_));
  api_.fail_next("PUT /nodes/pve1/lxc/5000/config", {Code::timed_out, "lost", {}}, true);
  ASSERT_TRUE(runtime_.create(app_, stop_));
  expect_program();
  ASSERT_TRUE(runtime_.remove(app_, true, stop_));
  // The creation's own answer, too.
  api_.fail_next("POST /nodes/pve1/lxc", {Code::timed_out, "lost", {}}, true);
  ASSERT_TRUE(runtime_.create(app_, stop_));
  expect_program();
}

TEST_F(GuestProgramTest, OneWithoutWishesIsLeftToItsImage) {
  app_.spec.command.clear();
  app_.spec.env.clear();
  ASSERT_TRUE(runtime_.create(app_, stop_));
  EXPECT_EQ(config("entrypoint"), "");
  EXPECT_THAT(api_.requests, testing::Not(testing::Contains(HasSubstr("PUT"))));
}

}  // namespace
}  // namespace drover::runtimes
