#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "fakes/etcd_cluster.h"
#include "fakes/listener.h"
#include "messaging/etcd/client.h"

namespace drover::etcd {
namespace {

using fakes::EtcdCluster;

std::unique_ptr<Gateway> gateway_to(const Settings& settings) {
  auto made = Gateway::make(settings);
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return std::move(*made);
}

class EtcdClientTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { member_ = std::make_unique<EtcdCluster>(1); }
  static void TearDownTestSuite() { member_.reset(); }

  static std::unique_ptr<EtcdCluster> member_;
  const std::unique_ptr<Gateway> gateway_ = gateway_to(member_->settings());
  Client client_{*gateway_};
  const system::Stop stop_;
};
std::unique_ptr<EtcdCluster> EtcdClientTest::member_;

TEST_F(EtcdClientTest, WhatIsPutIsThereUntilItIsRemoved) {
  const std::string bytes("\0\xff\n\"\\", 5);
  const auto put = client_.put({"put/a", bytes}, stop_);
  ASSERT_TRUE(put) << put.error().message;
  ASSERT_TRUE(client_.put({"put/b", ""}, stop_));
  const auto read = client_.range({Keys::below("put/")}, stop_);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->items.size(), 2U);
  EXPECT_EQ(read->items[0].key, "put/a");
  EXPECT_EQ(read->items[0].value, bytes);
  EXPECT_EQ(read->items[0].mod_revision, *put);
  EXPECT_FALSE(read->more);
  EXPECT_TRUE(client_.range({Keys::below("put/"), 1}, stop_)->more);
  EXPECT_EQ(client_.range({Keys::below("put/"), 0, *put + 1}, stop_)->items.size(), 1U);
  EXPECT_EQ(client_.remove({Keys::below("put/")}, stop_).value_or(-1), 2);
  EXPECT_EQ(client_.remove({Keys::below("put/")}, stop_).value_or(-1), 0);
  EXPECT_TRUE(client_.range({Keys::below("put/")}, stop_)->items.empty());
}

TEST_F(EtcdClientTest, ATransactionDoesOneHalfOrTheOther) {
  Transaction create{{Comparison::absent("txn/a")},
                     {Put{"txn/a", "one"}, Delete{Keys::one("txn/none")}},
                     {Range{Keys::one("txn/a")}}};
  const auto first = client_.transact(create, stop_);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->succeeded);
  ASSERT_EQ(first->operations.size(), 2U);
  const auto second = client_.transact(create, stop_);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_FALSE(second->succeeded);
  ASSERT_EQ(second->operations.size(), 1U);
  ASSERT_EQ(second->operations[0].items.size(), 1U);
  const KeyValue& item = second->operations[0].items[0];
  EXPECT_EQ(item.value, "one");
  EXPECT_EQ(item.create_revision, first->revision);

  const auto holds = [&](const Comparison& comparison) {
    const auto done = client_.transact({{comparison}, {}, {}}, stop_);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    return done && done->succeeded;
  };
  EXPECT_TRUE(holds(Comparison::unchanged("txn/a", item.mod_revision)));
  EXPECT_FALSE(holds(Comparison::unchanged("txn/a", item.mod_revision + 1)));
  EXPECT_TRUE(holds(Comparison::same("txn/a", item.create_revision)));
  EXPECT_TRUE(holds(Comparison::holds("txn/a", "one")));
  EXPECT_FALSE(holds(Comparison::holds("txn/a", "two")));
  EXPECT_FALSE(holds(Comparison::leased("txn/a", 7)));
}

TEST_F(EtcdClientTest, AKeyGoesWithItsLease) {
  const auto lease = client_.grant(std::chrono::seconds(30), stop_);
  ASSERT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(lease->ttl_seconds, 30);
  ASSERT_TRUE(client_.put({"lease/a", "x", lease->id}, stop_));
  EXPECT_EQ(client_.range({Keys::one("lease/a")}, stop_)->items.at(0).lease, lease->id);
  const auto kept = client_.keep_alive(lease->id, stop_);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->ttl_seconds, 30);
  ASSERT_TRUE(client_.revoke(lease->id, stop_));
  EXPECT_TRUE(client_.range({Keys::one("lease/a")}, stop_)->items.empty());
  EXPECT_TRUE(client_.revoke(lease->id, stop_)) << "it has ended: so it shall be";
  EXPECT_EQ(client_.keep_alive(lease->id, stop_).error().code, Code::not_found);
  EXPECT_EQ(client_.put({"lease/a", "x", lease->id}, stop_).error().code, Code::not_found);
}

TEST_F(EtcdClientTest, AMemberThatWasStartedAnewIsAskedOnANewConnection) {
  ASSERT_TRUE(client_.put({"anew", "1"}, stop_));
  member_->kill(0);
  const auto put = client_.put({"anew", "2"}, stop_);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::unavailable) << put.error().message;
  member_->start(0);
  Result<RangeAnswer> read = client_.range({Keys::one("anew")}, stop_);
  for (int tries = 0; !read && tries < 500; ++tries) {
    poll(nullptr, 0, 20);
    read = client_.range({Keys::one("anew")}, stop_);
  }
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->items.at(0).value, "1");
  EXPECT_TRUE(client_.put({"anew", "3"}, stop_));
}

TEST(EtcdGateway, AMemberThatSaysNothingIsPassedOverForTheNextUnlessItMayHaveBegun) {
  const fakes::Listener silent;
  Settings settings{{"http" + silent.url().substr(5)}};
  settings.timeout = std::chrono::milliseconds(50);
  const auto gateway = gateway_to(settings);
  Client client(*gateway);
  EXPECT_EQ(client.range({Keys::one("a")}, system::Stop()).error().code, Code::unavailable);
  EXPECT_EQ(client.put({"a", "b"}, system::Stop()).error().code, Code::timed_out);
}

TEST(EtcdGateway, AStopEndsTheWaiting) {
  const fakes::Listener silent;
  Settings settings{{"http" + silent.url().substr(5)}};
  settings.timeout = std::chrono::minutes(5);
  const auto gateway = gateway_to(settings);
  system::Stop stop;
  std::thread asker([&] { stop.request(); });
  EXPECT_EQ(Client(*gateway).range({Keys::one("a")}, stop).error().code, Code::cancelled);
  asker.join();
}

TEST(EtcdGateway, SettingsThatCannotBeRightAreInvalid) {
  for (const Settings& settings :
       {Settings{}, Settings{{"127.0.0.1:2379"}}, Settings{{"http://127.0.0.1:2379/"}},
        Settings{{"https://127.0.0.1:2379"}}, Settings{{"http://a:1"}, {}, "c.crt"},
        Settings{{"http://a:1"}, {}, {}, {}, "user"}}) {
    const auto made = Gateway::make(settings);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::invalid);
  }
}

TEST(EtcdCluster, GoesOnWithoutOneMemberAndNotWithoutTwo) {
  EtcdCluster cluster(3);
  Settings settings = cluster.settings();
  settings.timeout = std::chrono::milliseconds(1000);
  const auto gateway = gateway_to(settings);
  Client client(*gateway);
  const system::Stop stop;
  // Once more until there is a leader again, as who uses it does.
  const auto put_until_done = [&](const std::string& value) {
    Result<std::int64_t> put = client.put({"a", value}, stop);
    for (int tries = 0; !put && tries < 20; ++tries) {
      put = client.put({"a", value}, stop);
    }
    return put;
  };
  Result<std::int64_t> put = put_until_done("1");
  ASSERT_TRUE(put) << put.error().message;

  // The first endpoint hangs: it takes the connection and never answers.
  cluster.signal(0, SIGSTOP);
  put = put_until_done("2");
  ASSERT_TRUE(put) << put.error().message;
  Result<RangeAnswer> read = client.range({Keys::one("a")}, stop);
  ASSERT_TRUE(read) << "the next call begins with who answered: " << read.error().message;
  EXPECT_EQ(read->items.at(0).value, "2");
  cluster.signal(0, SIGCONT);

  cluster.kill(1);
  cluster.kill(2);
  put = client.put({"a", "3"}, stop);
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error().code == Code::unavailable || put.error().code == Code::timed_out)
      << put.error().message;
  read = client.range({Keys::one("a")}, stop);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::unavailable) << read.error().message;

  cluster.start(2);
  for (int tries = 0; !read && tries < 200; ++tries) {
    poll(nullptr, 0, 20);
    read = client.range({Keys::one("a")}, stop);
  }
  ASSERT_TRUE(read) << read.error().message;
}

class EtcdUsers {
 public:
  explicit EtcdUsers(EtcdCluster& cluster) : cluster_(cluster) {
    const auto nobody = gateway_to(cluster.settings());
    ask(*nobody, "/auth/user/add", {{"name", "root"}, {"password", "r00t"}});
    ask(*nobody, "/auth/role/add", {{"name", "root"}});
    ask(*nobody, "/auth/user/grant", {{"user", "root"}, {"role", "root"}});
    ask(*nobody, "/auth/user/add", {{"name", "drover"}, {"password", "s3cret"}});
    ask(*nobody, "/auth/role/add", {{"name", "drover"}});
    ask(*nobody, "/auth/role/grant",
        {{"name", "drover"},
         {"perm",
          json::Object{{"permType", "READWRITE"}, {"key", "ZA=="}, {"range_end", "ZQ=="}}}});
    ask(*nobody, "/auth/user/grant", {{"user", "drover"}, {"role", "drover"}});
    ask(*nobody, "/auth/enable", {});
  }
  Settings settings(const std::string& user, const std::string& password) const {
    Settings settings = cluster_.settings();
    settings.user = user;
    settings.password_file = cluster_.folder() / (user + ".password");
    std::ofstream(settings.password_file) << password << '\n';
    chmod(settings.password_file.c_str(), 0600);
    return settings;
  }
  static void ask(Gateway& gateway, const std::string& path, json::Object body) {
    const auto done = gateway.call({path, std::move(body)}, system::Stop());
    ASSERT_TRUE(done) << done.error().message;
  }

 private:
  EtcdCluster& cluster_;
};

TEST(EtcdWithTls, TrustsAndIsTrustedAndLogsInAgainWhenItsTokenHasEnded) {
  EtcdCluster member(1, true);
  const EtcdUsers users(member);
  const system::Stop stop;

  const auto gateway = gateway_to(users.settings("drover", "s3cret"));
  Client client(*gateway);
  auto put = client.put({"d/a", "1"}, stop);
  ASSERT_TRUE(put) << put.error().message;
  put = client.put({"x", "1"}, stop);
  EXPECT_EQ(put.error().code, Code::refused) << "a key that this user may not write";

  // Whose password is set has no tokens any more.
  const auto root = gateway_to(users.settings("root", "r00t"));
  EtcdUsers::ask(*root, "/auth/user/changepw", {{"name", "drover"}, {"password", "s3cret"}});
  put = client.put({"d/a", "2"}, stop);
  EXPECT_TRUE(put) << "with a new token: " << put.error().message;

  EtcdUsers::ask(*root, "/auth/user/changepw", {{"name", "drover"}, {"password", "other"}});
  put = client.put({"d/a", "3"}, stop);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, Code::refused) << put.error().message;
  EXPECT_THAT(put.error().message, testing::Not(testing::HasSubstr("s3cret")));
  users.settings("drover", "other");
  put = client.put({"d/a", "4"}, stop);
  EXPECT_TRUE(put) << "by what the file says now: " << put.error().message;

  Settings named = member.settings();
  named.certificate_file = member.folder() / "member.crt";
  named.key_file = member.folder() / "member.key";
  const auto refused = Client(*gateway_to(named)).range({Keys::one("d/a")}, stop);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("common name"));

  Settings stranger = member.settings();
  stranger.certificate_file.clear();
  stranger.key_file.clear();
  const auto without = Client(*gateway_to(stranger)).range({Keys::one("d/a")}, stop);
  ASSERT_FALSE(without) << "members ask for a certificate";
  Settings wrong = member.settings();
  wrong.ca_file = member.folder() / "member.crt";
  const auto untrusted = Client(*gateway_to(wrong)).range({Keys::one("d/a")}, stop);
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code, Code::refused) << untrusted.error().message;
}

}  // namespace
}  // namespace drover::etcd
