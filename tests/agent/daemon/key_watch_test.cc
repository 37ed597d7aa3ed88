// The files of keys, and that what changes in their folder is in force.
#include "agent/daemon/key_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/daemon/tcp_keys.h"
#include "agent/jobs/journal/journal.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"
#include "messaging/front_keys.h"
#include "messaging/key_denial.h"

namespace drover::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using system::kAllowList;
using system::kNextServerKey;
using system::kServerKey;

constexpr const char* kOne = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
constexpr const char* kOther = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
constexpr const char* kSecret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

std::string key_file(const std::string& key) {
  return R"({"public":")" + key + R"(","secret":")" + kSecret + "\"}\n";
}

std::string list_of(const std::string& name, const std::string& role) {
  return R"({"keys":[{"name":")" + name + R"(","key":")" + kOther + R"(","roles":[")" + role +
         "\"]}]}\n";
}

class KeyWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(keys_);
    chmod(keys_.c_str(), 0700);
  }
  void put(const char* file, const std::string& text, mode_t mode = 0600) {
    ASSERT_TRUE(system::write_atomically(keys_ / file, text, mode));
  }
  std::unique_ptr<KeyWatch> start() {
    Result<std::unique_ptr<KeyWatch>> watch =
        KeyWatch::start(loop_, keys_, [this](std::string_view what, json::Object data) {
          told_.emplace_back(std::string(what), std::move(data));
        });
    EXPECT_TRUE(watch) << watch.error().message;
    return watch ? *std::move(watch) : nullptr;
  }
  Error failure() {
    const Result<std::unique_ptr<KeyWatch>> watch =
        KeyWatch::start(loop_, keys_, [](std::string_view, json::Object) {});
    return watch ? Error{} : watch.error();
  }
  /// The next thing that is told; an empty one after ten seconds.
  std::pair<std::string, json::Value> next() {
    for (int tries = 0; told_.empty() && tries < 100; ++tries) {
      loop_.turn(std::chrono::milliseconds(100));
    }
    if (told_.empty()) {
      return {};
    }
    auto first = std::move(told_.front());
    told_.erase(told_.begin());
    return first;
  }

  fakes::TempFolder folder_;
  const system::Path keys_ = folder_ / "keys";
  system::SystemClock clock_;
  system::Loop loop_{clock_};
  std::vector<std::pair<std::string, json::Value>> told_;
};

TEST_F(KeyWatchTest, ReadsWhatIsThereAtItsStart) {
  put(kServerKey, key_file(kOne));
  EXPECT_TRUE(start()->keys().allowed.keys().empty());  // no list: nobody
  put(kNextServerKey, key_file(kOther), 0400);
  put(kAllowList, list_of("ci", "submit"));
  const std::unique_ptr<KeyWatch> watch = start();
  EXPECT_EQ(watch->keys().server.public_key.str(), kOne);
  EXPECT_EQ(watch->keys().next->public_key.str(), kOther);
  EXPECT_NE(watch->keys().allowed.find("ci"), nullptr);
}

TEST_F(KeyWatchTest, FilesThatOthersThanRootHaveToDoWithAreRefused) {
  EXPECT_EQ(failure().code, Code::not_found);
  put(kServerKey, key_file(kOne), 0640);
  EXPECT_EQ(failure().code, Code::refused);
  put(kServerKey, key_file(kOne));
  put(kAllowList, list_of("ci", "submit"), 0604);
  EXPECT_EQ(failure().code, Code::refused);
  std::filesystem::rename(keys_ / kAllowList, folder_ / "list");
  chmod((folder_ / "list").c_str(), 0600);
  std::filesystem::create_symlink(folder_ / "list", keys_ / kAllowList);
  EXPECT_NE(failure().message, "");
  std::filesystem::remove(keys_ / kAllowList);
  chmod(keys_.c_str(), 0770);
  EXPECT_EQ(failure().code, Code::refused);
  chmod(keys_.c_str(), 0755);
  EXPECT_EQ(failure().message, "");
  if (geteuid() == 0) {
    ASSERT_EQ(chown((keys_ / kServerKey).c_str(), 65534, 65534), 0);
    EXPECT_EQ(failure().code, Code::refused);
  }
}

TEST_F(KeyWatchTest, AFileThatIsPutInPlaceIsInForce) {
  put(kServerKey, key_file(kOne));
  const std::unique_ptr<KeyWatch> watch = start();
  put(kAllowList, list_of("ci", "submit"));
  auto [what, data] = next();
  EXPECT_EQ(what, "keys_reloaded");
  EXPECT_THAT(*data.at("added").array(), ElementsAre(json::Value("ci")));
  EXPECT_EQ(data.at("allowed").integer_or(0), 1);
  EXPECT_TRUE(watch->keys().allowed.find("ci")->may(KeyRole::submit));
  put(kAllowList, list_of("ci", "observe"));
  EXPECT_THAT(*next().second.at("changed").array(), ElementsAre(json::Value("ci")));
  EXPECT_FALSE(watch->keys().allowed.find("ci")->may(KeyRole::submit));
  put(kNextServerKey, key_file(kOther));
  EXPECT_EQ(next().second.at("next").string_or(""), kOther);
  std::filesystem::rename(keys_ / kNextServerKey, keys_ / kServerKey);
  std::tie(what, data) = next();
  EXPECT_EQ(data.at("server").string_or(""), kOther);
  EXPECT_TRUE(data.at("next").is_null());
  std::filesystem::remove(keys_ / kAllowList);
  EXPECT_THAT(*next().second.at("removed").array(), ElementsAre(json::Value("ci")));
  EXPECT_TRUE(watch->keys().allowed.keys().empty());
}

TEST_F(KeyWatchTest, AFaultyFileLeavesWhatWasReadBeforeInForceAndNoOtherOne) {
  put(kServerKey, key_file(kOne));
  put(kAllowList, list_of("ci", "submit"));
  const std::unique_ptr<KeyWatch> watch = start();
  put(kAllowList, list_of("ci", "root"));
  auto [what, data] = next();
  EXPECT_EQ(what, "keys_refused");
  EXPECT_EQ(data.at("file").string_or(""), (keys_ / kAllowList).native());
  EXPECT_THAT(std::string(data.at("message").string_or("")), HasSubstr("/keys/0/roles"));
  EXPECT_NE(watch->keys().allowed.find("ci"), nullptr);
  // Told once, and the others are taken.
  put(kNextServerKey, key_file(kOther));
  EXPECT_EQ(next().first, "keys_reloaded");
  EXPECT_THAT(told_, IsEmpty());
  watch->reload();
  EXPECT_EQ(next().first, "keys_refused");
  // A key file that is not to be had keeps nobody's key from being revoked.
  put(kServerKey, "{\"secret\":\"" + std::string(kSecret));
  std::tie(what, data) = next();
  EXPECT_EQ(what, "keys_refused");
  EXPECT_THAT(json::write(data), Not(HasSubstr(std::string(kSecret).substr(0, 6))));
  put(kAllowList, "{\"keys\":[]}");
  EXPECT_EQ(next().first, "keys_reloaded");
  EXPECT_TRUE(watch->keys().allowed.keys().empty());
  EXPECT_EQ(watch->keys().server.public_key.str(), kOne);
  put(kServerKey, key_file(kOne));
  chmod((keys_ / kServerKey).c_str(), 0644);
  EXPECT_EQ(next().first, "keys_refused");
}

TEST_F(KeyWatchTest, AFolderThatTookAnothersPlaceIsReadAndWatched) {
  put(kServerKey, key_file(kOne));
  const std::unique_ptr<KeyWatch> watch = start();
  std::filesystem::rename(keys_, folder_ / "old");
  EXPECT_EQ(next().first, "keys_refused");
  std::filesystem::create_directory(keys_);
  chmod(keys_.c_str(), 0700);
  put(kServerKey, key_file(kOther));
  watch->reload();
  EXPECT_EQ(next().second.at("server").string_or(""), kOther);
  put(kAllowList, list_of("ci", "submit"));
  EXPECT_EQ(next().first, "keys_reloaded");
  EXPECT_NE(watch->keys().allowed.find("ci"), nullptr);
}

class TcpKeysTest : public KeyWatchTest {
 protected:
  void SetUp() override {
    KeyWatchTest::SetUp();
    journal_ = jobs::Journal::open(folder_ / "journal.db", fake_clock_).value();
    books_ = std::make_unique<jobs::Books>(*journal_, [this](const std::vector<Event>& events) {
      published_.insert(published_.end(), events.begin(), events.end());
    });
    bus_.keys = keys_;
    bus_.tcp = {"192.0.2.1", 7117, 7122};
  }
  Result<std::unique_ptr<TcpKeys>> keys() {
    return TcpKeys::start(loop_, bus_, "pve1", *books_, [this](const messaging::Record& record) {
      sent_.push_back(messaging::read_front_keys(record).value());
    });
  }

  fakes::FakeClock fake_clock_;
  std::unique_ptr<jobs::Journal> journal_;
  std::unique_ptr<jobs::Books> books_;
  BusConfig bus_;
  std::vector<Event> published_;
  std::vector<messaging::FrontKeys> sent_;
};

TEST_F(TcpKeysTest, WithoutKeysTheNodeDoesNotStartAndSaysWhatToDo) {
  const Error error = keys().error();
  EXPECT_THAT(error.message, HasSubstr("bus.tcp.address is 192.0.2.1"));
  EXPECT_THAT(error.message, HasSubstr("drover keys new " + (keys_ / kServerKey).native()));
}

TEST_F(TcpKeysTest, TheFrontIsHandedWhatChangesAndSubscribersHearOfIt) {
  put(kServerKey, key_file(kOne));
  const std::unique_ptr<TcpKeys> keys = this->keys().value();
  EXPECT_THAT(sent_, IsEmpty());
  keys->send();
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].address, "192.0.2.1");
  EXPECT_EQ(sent_[0].port, 7117);
  EXPECT_EQ(sent_[0].next_port, 7122);
  EXPECT_EQ(sent_[0].server.secret_key.text(), kSecret);
  put(kAllowList, "{}");
  put(kNextServerKey, key_file(kOther));
  for (int tries = 0; sent_.size() < 2 && tries < 100; ++tries) {
    loop_.turn(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[1].next->public_key.str(), kOther);
  books_->commit();
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_EQ(published_[0].what, "keys_refused");
  EXPECT_EQ(published_[1].what, "keys_reloaded");
  EXPECT_EQ(published_[1].kind, "security");
  EXPECT_EQ(published_[1].object, "pve1");
  EXPECT_THAT(json::write(published_[1].data), Not(HasSubstr(std::string(kSecret).substr(0, 6))));
}

TEST_F(TcpKeysTest, AKeyThatTheFrontDeniesIsToldAndAFrontThatSaysTooMuchIsNotBelieved) {
  put(kServerKey, key_file(kOne));
  const std::unique_ptr<TcpKeys> keys = this->keys().value();
  EXPECT_FALSE(keys->take_denial({{{"kind", "query.jobs"}}, "", ""}));
  const messaging::KeyDenial denial{kOther, "ci", "10.0.0.1", messaging::KeyDenial::Why::role, 3};
  for (int many = 0; many < 100; ++many) {
    EXPECT_TRUE(keys->take_denial(write_key_denial(denial)));
  }
  books_->commit();
  ASSERT_EQ(published_.size(), 1U);
  EXPECT_EQ(published_[0].kind, "security");
  EXPECT_EQ(published_[0].what, "key_denied");
  EXPECT_EQ(json::write(published_[0].data), R"({"key":")" + std::string(kOther) +
                                                 R"(","name":"ci","address":"10.0.0.1",)"
                                                 R"("why":"role","untold":3})");
}

}  // namespace
}  // namespace drover::daemon
