// drover keys: files of keys, made and edited without a node.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "agent/core/allow_list.h"
#include "agent/system/key_files.h"
#include "drover_program.h"
#include "fakes/temp_folder.h"

namespace drover::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Keys : public DroverProgram {
 protected:
  void SetUp() override {
    ASSERT_TRUE(system::write_atomically(
        folder_ / "droverd.json", R"({"bus":{"keys":")" + (folder_ / "keys").native() + "\"}}"));
  }
  /// `drover keys` with these arguments and, but for what is done with one file, our folder.
  system::Output keys(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "keys");
    if (arguments.at(1) != "new" && arguments.at(1) != "show") {
      arguments.insert(arguments.begin() + 2, {"--config", (folder_ / "droverd.json").native()});
    }
    // Where no node is: the commands need none.
    return drover_on((folder_ / "no-bus").native(), std::move(arguments));
  }
  std::string must(std::vector<std::string> arguments) {
    const system::Output output = keys(std::move(arguments));
    EXPECT_EQ(output.ending.code, 0) << output.err;
    std::string out = output.out;
    out.erase(std::remove(out.begin(), out.end(), '\n'), out.end());
    return out;
  }
  std::string file(const char* name) { return (folder_ / "keys" / name).native(); }
  AllowList list() { return system::read_allow_list(file(system::kAllowList)).value(); }

  fakes::TempFolder folder_;
};

TEST_F(Keys, NewMakesAPairThatNobodyElseReadsAndShowPrintsItsPublicHalf) {
  const std::string made = must({"new", file("server.key")});
  struct stat found {};
  ASSERT_EQ(stat(file("server.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  ASSERT_EQ(stat((folder_ / "keys").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0700U);
  const KeyPair pair = system::read_key_file(file("server.key")).value();
  EXPECT_EQ(pair.public_key.str(), made);
  EXPECT_EQ(must({"show", file("server.key")}), made);
  const system::Output again = keys({"new", file("server.key")});
  EXPECT_EQ(again.ending.code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there already"));
  EXPECT_EQ(system::read_key_file(file("server.key")).value(), pair);
  EXPECT_NE(must({"new", file("other.key")}), made);
}

TEST_F(Keys, ShowRefusesAFileThatOthersReadOrWhosePartsDoNotBelongTogether) {
  must({"new", file("a.key")});
  must({"new", file("b.key")});
  const KeyPair one = system::read_key_file(file("a.key")).value();
  const KeyPair other = system::read_key_file(file("b.key")).value();
  chmod(file("a.key").c_str(), 0644);
  EXPECT_THAT(keys({"show", file("a.key")}).err, HasSubstr("nobody else may read"));
  ASSERT_TRUE(system::write_atomically(file("b.key"),
                                       KeyPair{one.public_key, other.secret_key}.text(), 0600));
  const system::Output mixed = keys({"show", file("b.key")});
  EXPECT_EQ(mixed.ending.code, 1);
  EXPECT_THAT(mixed.err, HasSubstr("not that of the secret one"));
  EXPECT_THAT(mixed.err, Not(HasSubstr(std::string(other.secret_key.text()))));
}

TEST_F(Keys, AllowAndRevokeEditTheListThatDroverdReads) {
  const std::string ci = must({"new", file("ci.key")});
  const std::string ops = must({"new", file("ops.key")});
  must({"allow", "ci", ci, "--role", "observe", "--role", "submit", "--jobs-per-second", "50",
        "--message-kib", "64", "--names", "web-*", "--names", "db", "--label", "team=web"});
  must({"allow", "ops@desk", ops, "--role", "admin"});
  struct stat found {};
  ASSERT_EQ(stat(file("allow.json").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  const AllowList both = list();
  const AllowedKey* key = both.find("ci");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->roles, (std::set{KeyRole::observe, KeyRole::submit}));
  EXPECT_EQ(key->limits, (KeyLimits{50, 0, 64}));
  EXPECT_EQ(key->names, (std::vector<std::string>{"web-*", "db"}));
  EXPECT_EQ(key->labels.at("team"), "web");
  const system::Output shown = keys({"list"});
  EXPECT_THAT(shown.out, HasSubstr("ops@desk"));
  EXPECT_THAT(shown.out, HasSubstr("50 jobs/s,64 KiB,web-*,db,team=web"));
  EXPECT_EQ(
      AllowList::read(json::Object{{"keys", json::parse(keys({"list", "--json"}).out).value()}})
          .value(),
      both);

  const system::Output taken = keys({"allow", "ci", ops, "--role", "submit"});
  EXPECT_EQ(taken.ending.code, 1);
  EXPECT_THAT(taken.err, HasSubstr("ci"));
  EXPECT_EQ(keys({"allow", "new", ops, "--role", "submit"}).ending.code, 1);
  must({"allow", "--replace", "ci", ci, "--role", "observe"});
  EXPECT_FALSE(list().find("ci")->may(KeyRole::submit));

  EXPECT_EQ(keys({"revoke", "ops@desk", "nobody"}).ending.code, 1);
  EXPECT_EQ(list().keys().size(), 2U);  // all or none
  must({"revoke", "ci"});
  EXPECT_EQ(list().find("ci"), nullptr);
  EXPECT_NE(list().find("ops@desk"), nullptr);
}

TEST_F(Keys, AFaultyListIsNotWrittenOver) {
  must({"new", file("ci.key")});
  ASSERT_TRUE(system::write_atomically(file("allow.json"), R"({"keys":[{"name":"ci"}]})", 0600));
  const system::Output refused = keys({"revoke", "ci"});
  EXPECT_EQ(refused.ending.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("/keys/0/roles"));
  EXPECT_EQ(system::read_file(file("allow.json")).value(), R"({"keys":[{"name":"ci"}]})");
}

TEST_F(Keys, RotateHasTheNextKeyBesideTheOldOneUntilItTakesItsPlace) {
  EXPECT_EQ(keys({"rotate"}).ending.code, 1);  // no key yet
  const std::string old = must({"new", file("server.key")});
  EXPECT_EQ(keys({"rotate", "--finish"}).ending.code, 1);
  EXPECT_EQ(keys({"rotate", "--cancel"}).ending.code, 1);
  must({"rotate"});
  must({"rotate", "--cancel"});
  const std::string next = must({"rotate"});
  EXPECT_EQ(keys({"rotate"}).ending.code, 1);
  EXPECT_EQ(must({"show", file("server.key")}), old);
  EXPECT_EQ(must({"show", file("server-next.key")}), next);
  EXPECT_EQ(must({"rotate", "--finish"}), next);
  EXPECT_EQ(must({"show", file("server.key")}), next);
  EXPECT_FALSE(std::filesystem::exists(file("server-next.key")));
}

}  // namespace
}  // namespace drover::cli
