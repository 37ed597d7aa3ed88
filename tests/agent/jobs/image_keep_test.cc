// Images that nobody uses go when the disk fills: which, in which order, and how that is told.
#include "agent/jobs/reconcile/image_keep.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/jobs/queries/spec_query.h"
#include "leaks_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

class ImageKeepTest : public LeaksFixture {
 protected:
  void SetUp() override {
    LeaksFixture::SetUp();
    // A disk of their own, which images of 8 MiB each can fill.
    std::filesystem::create_directories(layout_.images());
    ASSERT_EQ(mount("tmpfs", layout_.images().c_str(), "tmpfs", 0, "size=64m"), 0);
    umoci({"init", "--layout", layout()});
    config_.images.full_percent = 50;
    config_.images.enough_percent = 30;
  }
  void TearDown() override {
    LeaksFixture::TearDown();
    umount2(layout_.images().c_str(), MNT_DETACH);
  }
  static void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  std::string layout() const { return (folder_ / "image").native(); }
  std::string image(const std::string& tag) const { return "oci:" + layout() + ":" + tag; }
  /// Pulls an image of 8 MiB that was used last so many hours ago.
  void pull(const std::string& tag, int hours_ago) {
    std::ofstream(folder_ / "file") << std::string(8 * kMib, tag.front());
    umoci({"new", "--image", layout() + ":" + tag});
    umoci({"insert", "--image", layout() + ":" + tag, (folder_ / "file").native(), "/file"});
    ASSERT_EQ(run(job("pull-" + tag, "image.pull", image(tag))).state, JobState::succeeded);
    used(tag, hours_ago);
  }
  std::string digest(const std::string& tag) const {
    return journal_->image(image(tag)).value().value().digest;
  }
  void used(const std::string& tag, int hours_ago) const {
    timespec times[2] = {};
    times[0].tv_sec = times[1].tv_sec = time(nullptr) - hours_ago * 3600;
    ASSERT_EQ(utimensat(AT_FDCWD, layout_.image(digest(tag)).c_str(), times, 0), 0);
  }
  void run_of(const std::string& tag, const std::string& name) {
    json::Object request = run_job("run-" + name, name);
    request.set("spec", json::Object{{"runtime", "runc"}, {"image", image(tag)}});
    ASSERT_EQ(run(request).state, JobState::succeeded);
  }
  /// Looks, and has the jobs that come of it done.
  void keep() {
    look();
    for (bool all_ended = false; !all_ended;) {
      all_ended = true;
      const std::vector<JobRow> rows = journal_->jobs(100).value();
      for (const JobRow& row : rows) {
        all_ended = all_ended && is_final(row.state);
      }
      loop_->turn(std::chrono::milliseconds(5));
    }
  }
  std::vector<std::string> tags() const {
    std::vector<std::string> found;
    const std::vector<ImageRow> rows = journal_->images().value();
    for (const ImageRow& row : rows) {
      found.push_back(row.name.substr(row.name.rfind(':') + 1));
    }
    return found;
  }
};

TEST_F(ImageKeepTest, ThoseUsedLastLongestAgoGoUntilThereIsEnough) {
  pull("a", 2);
  pull("b", 5);
  pull("c", 1);
  keep();
  EXPECT_THAT(tags(), UnorderedElementsAre("a", "b", "c")) << "24 of 64 MiB are not too many";
  pull("d", 3);
  keep();
  // 32 of 64 MiB are the half; down to 30 % two have to go.
  EXPECT_THAT(tags(), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(told("image", image("b")), ElementsAre("pulled", "removed"));
  EXPECT_THAT(told("image", image("d")), ElementsAre("pulled", "removed"));
  std::string why;
  for (const Event& event : published_) {
    const json::Value data(event.data);
    if (event.kind == "job" && event.what == "accepted" &&
        data.at("verb").string_or("") == "image.remove") {
      why = data.at("by").string_or("");
    }
  }
  EXPECT_THAT(why, HasSubstr("% of the disk are used"));
  published_.clear();
  keep();
  EXPECT_THAT(published_, IsEmpty());
}

TEST_F(ImageKeepTest, ThoseOfContainersStayWhateverTheirAgeAlsoOfStoppedOnes) {
  for (const char* tag : {"a", "b", "c", "d", "e"}) {
    pull(tag, 1);
  }
  used("a", 100);
  used("b", 90);
  run_of("a", "web-1");
  run_of("b", "web-2");
  run(job("stop", "container.stop", "web-2"));
  used("a", 100);
  used("b", 90);
  keep();
  EXPECT_THAT(tags(), UnorderedElementsAre("a", "b"));
  // Their use is the last look at least, also once the container is gone.
  EXPECT_GT(images_->last_use(digest("a")), time(nullptr) - 3600);
}

TEST_F(ImageKeepTest, ToExplainWhatAContainerOfOneWouldGetIsNoUseOfIt) {
  pull("a", 100);
  const auto reading = spec_reading(
      *journal_, *node_,
      json::Object{
          {"name", "web-1"}, {"spec", json::Object{{"image", image("a")}}}, {"config_of", "runc"}});
  ASSERT_TRUE(reading) << to_text(reading.error());
  // A fake has nothing to show, but is asked once the image was looked at.
  EXPECT_THAT(json::write((*reading)(system::Stop()).value()), HasSubstr("does not tell"));
  EXPECT_LT(images_->last_use(digest("a")), time(nullptr) - 99 * 3600);
}

TEST_F(ImageKeepTest, OneThatAJobIsAboutToUseStays) {
  for (const char* tag : {"a", "b", "c", "d"}) {
    pull(tag, 5);
  }
  const auto held = images_->ensure(image("a"), system::Stop());
  ASSERT_TRUE(held);
  used("a", 100);
  keep();
  EXPECT_EQ(tags().size(), 2U);
  EXPECT_TRUE(journal_->image(image("a")).value());
}

TEST_F(ImageKeepTest, WhatABrokenOffPullHasLeftGoesAfterADayOrBeforeAnyImage) {
  const auto blob = [this](const std::string& digit, int hours_ago) {
    const system::Path file = layout_.image_blobs() / "sha256" / std::string(64, digit.front());
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << std::string(8 * kMib, 'x');
    timespec times[2] = {};
    times[0].tv_sec = times[1].tv_sec = time(nullptr) - hours_ago * 3600;
    EXPECT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
    return file;
  };
  const system::Path old = blob("a", 25);
  const system::Path fresh = blob("b", 1);
  keep();
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(fresh));
  blob("c", 1);
  pull("a", 1);
  pull("b", 1);
  keep();
  EXPECT_FALSE(std::filesystem::exists(fresh));
  EXPECT_FALSE(std::filesystem::exists(layout_.image_blobs()));
  EXPECT_THAT(tags(), UnorderedElementsAre("a", "b"));
}

TEST(BytesTooManyTest, CountFromTheHigherMarkToTheLower) {
  EXPECT_EQ(bytes_too_many(1000, 151, 85, 80), 0U);
  EXPECT_EQ(bytes_too_many(1000, 150, 85, 80), 50U);
  EXPECT_EQ(bytes_too_many(1000, 0, 85, 80), 200U);
  EXPECT_EQ(bytes_too_many(1000, 0, 100, 100), 0U);
  EXPECT_EQ(bytes_too_many(0, 0, 85, 80), 0U);
}

}  // namespace
}  // namespace drover::jobs
