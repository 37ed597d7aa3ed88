// What clients send to a node: kept byte by byte, whoever ends meanwhile, and not for ever.
#include "agent/jobs/queries/upload_streams.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>

#include "agent/jobs/pushed_archive.h"
#include "agent/system/file.h"
#include "fakes/fake_clock.h"
#include "fakes/temp_folder.h"

namespace drover::jobs {
namespace {

using Address = UploadStreams::Address;

class UploadStreamsTest : public testing::Test {
 protected:
  struct Told {
    Address to;
    std::string kind;
    json::Value body;
  };

  UploadStreamsTest() {
    layout_.state = folder_.path();
    start();
  }
  void start() {
    uploads_.reset();
    uploads_ = std::make_unique<UploadStreams>(
        loop_, layout_, clock_,
        [this](const Address& to, std::string_view kind, const json::Value& body) {
          told_.push_back({to, std::string(kind), body});
        });
  }
  Result<> open(std::uint64_t request, std::uint64_t bytes, std::uint64_t offset = 0,
                char digit = 'a', std::string_view sender = "local") {
    told_.clear();
    return uploads_->open(
        {7, request}, sender,
        json::Object{{"sha256", std::string(64, digit)}, {"bytes", bytes}, {"offset", offset}});
  }
  /// Turns the loop until something of this kind was told.
  const json::Value& await(std::string_view kind) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (told_.empty() || told_.back().kind != kind) {
      if (std::chrono::steady_clock::now() > limit) {
        ADD_FAILURE() << "no " << kind;
        static const json::Value kNone;
        return kNone;
      }
      loop_.turn(std::chrono::milliseconds(10));
    }
    return told_.back().body;
  }
  /// Gives it and waits until all of it is in the file.
  void give(std::uint64_t request, std::uint64_t offset, std::string_view data) {
    ASSERT_TRUE(uploads_->take({7, request}, offset, data));
    const auto end = static_cast<std::int64_t>(offset + data.size());
    while (await("upload.taken").at("offset").integer_or(0) < end && !HasFailure()) {
      told_.clear();
    }
  }
  runtimes::Path file(char digit = 'a', std::string_view sender = "local") const {
    return layout_.uploads() / upload_name(std::string(64, digit), sender);
  }
  std::string content() const { return system::read_file(file()).value_or("nothing"); }
  static json::Object at(std::uint64_t offset) { return {{"offset", offset}}; }
  /// As if its last byte had come then, by the fake clock.
  void set_age(const runtimes::Path& path, std::chrono::seconds age) const {
    const timespec then{clock_.unix_ms() / 1000 - age.count(), 0};
    const std::array<timespec, 2> times{then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  }

  fakes::TempFolder folder_;
  runtimes::Layout layout_;
  fakes::FakeClock clock_;
  system::Loop loop_{clock_};
  std::unique_ptr<UploadStreams> uploads_;
  std::vector<Told> told_;
};

TEST_F(UploadStreamsTest, WhatComesIsInTheFileAndItsEndIsTold) {
  ASSERT_TRUE(open(1, 7));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 0);
  EXPECT_EQ(told_.back().body.at("until").integer_or(-1), 7);
  EXPECT_EQ(told_.back().body.at("upload").string_or(""), file().filename().native());
  give(1, 0, "one ");
  EXPECT_EQ(uploads_->finish({7, 1}, at(4)).error().code, Code::invalid) << "it was to have 7";
  give(1, 2, "e two");  // some of it once more
  ASSERT_TRUE(uploads_->finish({7, 1}, at(7)));
  EXPECT_TRUE(await("upload.end").at("finished").boolean_or(false));
  EXPECT_EQ(content(), "one two");
  // One that was whole is so for whoever comes again.
  ASSERT_TRUE(open(2, 7));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 7);
}

TEST_F(UploadStreamsTest, WhatIsMissingIsAskedForAndWhatIsTooMuchRefused) {
  ASSERT_TRUE(open(1, 5));
  ASSERT_TRUE(uploads_->take({7, 1}, 3, "de"));
  EXPECT_EQ(await("upload.taken").at("from").integer_or(-1), 0);
  ASSERT_TRUE(uploads_->finish({7, 1}, at(5)));
  EXPECT_EQ(told_.back().body.at("from").integer_or(-1), 0);
  EXPECT_EQ(uploads_->take({7, 1}, 0, "abcdef").error().code, Code::invalid);
  EXPECT_EQ(uploads_->take({7, 2}, 0, "abc").error().code, Code::unavailable);
  ASSERT_TRUE(open(3, UploadStreams::kWindow * 4, 0, 'b'));
  const std::string window(UploadStreams::kWindow, 'x');
  EXPECT_EQ(uploads_->take({7, 3}, 0, window + "x").error().code, Code::invalid);
  EXPECT_TRUE(uploads_->take({7, 3}, 0, window));
}

TEST_F(UploadStreamsTest, TheNextAgentAndAnotherConnectionGoOnWhereTheFileEnds) {
  ASSERT_TRUE(open(1, 9));
  give(1, 0, "one ");
  set_age(file(), std::chrono::seconds(0));
  start();
  EXPECT_EQ(uploads_->take({7, 1}, 4, "two").error().code, Code::unavailable);
  ASSERT_TRUE(open(2, 9, 2));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 4);
  give(2, 4, "two");
  ASSERT_TRUE(open(3, 9));
  EXPECT_EQ(told_.front().kind, "error");
  EXPECT_EQ(told_.front().to, (Address{7, 2}));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 7);
  uploads_->close_of(7);
  ASSERT_TRUE(open(4, 9, 7));
  give(4, 7, "!!");
  EXPECT_EQ(content(), "one two!!");
  // Somebody has removed it: what is not here any more is not gone on with.
  uploads_->close_all();
  std::filesystem::remove(file());
  EXPECT_EQ(open(5, 9, 7).error().code, Code::broken);
  ASSERT_TRUE(open(6, 9));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 0);
}

TEST_F(UploadStreamsTest, EachSenderHasItsOwn) {
  ASSERT_TRUE(open(1, 9));
  give(1, 0, "one");
  ASSERT_TRUE(open(2, 9, 0, 'a', "ci"));
  EXPECT_EQ(await("upload.opened").at("offset").integer_or(-1), 0);
  EXPECT_TRUE(uploads_->take({7, 1}, 3, "two"));
  EXPECT_TRUE(std::filesystem::exists(file('a', "ci")));
}

TEST_F(UploadStreamsTest, OneAndAllTogetherAreBounded) {
  EXPECT_EQ(open(1, UploadStreams::kMostBytes + 1).error().code, Code::refused);
  EXPECT_EQ(open(1, 0).error().code, Code::invalid);
  ASSERT_TRUE(open(1, UploadStreams::kMostBytes));
  ASSERT_TRUE(open(2, UploadStreams::kMostBytes, 0, 'b'));
  const Result<> third = open(3, 1, 0, 'c');
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::conflict);
  // The same once more is the same.
  EXPECT_TRUE(open(4, UploadStreams::kMostBytes, 0, 'b'));
}

TEST_F(UploadStreamsTest, WhatGetsNoByteForAnHourGoesAtARestartOnlyWhenItIsOlder) {
  ASSERT_TRUE(open(1, 9));
  give(1, 0, "one");
  ASSERT_TRUE(open(2, 9, 0, 'b'));
  give(2, 0, "one");
  uploads_->close_all();
  set_age(file(), std::chrono::minutes(61));
  set_age(file('b'), std::chrono::minutes(50));
  start();
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_TRUE(std::filesystem::exists(file('b')));
  clock_.advance(std::chrono::minutes(5));
  loop_.turn(std::chrono::milliseconds(0));
  EXPECT_TRUE(std::filesystem::exists(file('b')));
  clock_.advance(std::chrono::minutes(6));
  loop_.turn(std::chrono::milliseconds(0));
  EXPECT_FALSE(std::filesystem::exists(file('b')));
}

}  // namespace
}  // namespace drover::jobs
