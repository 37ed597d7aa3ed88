// image.pull and image.remove, with a real image: who uses it, and what an agent's end leaves.
#include "agent/jobs/verbs/images.h"

#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/node_turns.h"
#include "agent/system/child.h"
#include "node_fixture.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ImagesTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    std::filesystem::create_directories(folder_ / "tree/etc");
    std::ofstream(folder_ / "tree/etc/motd") << "hello\n";
    umoci({"init", "--layout", layout()});
    umoci({"new", "--image", layout() + ":v1"});
    umoci({"insert", "--image", layout() + ":v1", (folder_ / "tree").native(), "/"});
    umoci({"tag", "--image", layout() + ":v1", "same"});
  }
  std::string layout() const { return (folder_ / "image").native(); }
  std::string image(const std::string& tag) const { return "oci:" + layout() + ":" + tag; }
  void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  JobRow pull(const std::string& id, const std::string& tag) {
    return run(job(id, "image.pull", image(tag)));
  }
  JobRow remove(const std::string& id, const std::string& target) {
    return run(job(id, "image.remove", target));
  }
  json::Object run_of_image(const std::string& id, const std::string& name) {
    json::Object request = run_job(id, name);
    request.set("spec", json::Object{{"runtime", "runc"}, {"image", image("v1")}});
    return request;
  }
  std::string digest() const { return journal_->image(image("v1")).value().value().digest; }
  std::size_t roots() const {
    std::vector<system::Path> all = system::children_of(layout_.images());
    std::erase(all, layout_.image_layers());
    return all.size();
  }
};

TEST_F(ImagesTest, PullUnpacksAndNamesIt) {
  const JobRow row = pull("j1", "v1");
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr("\"digest\":\"" + digest()));
  EXPECT_TRUE(std::filesystem::exists(layout_.image_root(digest())));
  EXPECT_GT(journal_->image(image("v1")).value()->bytes, 0U);
  EXPECT_THAT(told("image", image("v1")), ElementsAre("pulled"));
  pull("j2", "v1");
  EXPECT_THAT(told("image", image("v1")), ElementsAre("pulled"));
  EXPECT_EQ(journal_->image(image("v1")).value()->job, "j1");
}

TEST_F(ImagesTest, UnpackingOneIsATurnUntilItIsHere) {
  EXPECT_EQ(turn_of_image(*node_, image("v1"))->thing, "image " + image("v1"));
  EXPECT_EQ(turn_of_image(*node_, image("v1"))->width, 1U);
  ASSERT_EQ(pull("j1", "v1").state, JobState::succeeded);
  EXPECT_FALSE(turn_of_image(*node_, image("v1")));
  EXPECT_FALSE(turn_of_image(*node_, ""));
}

TEST_F(ImagesTest, WhatTheNodeDoesNotAllowIsRefusedBeforeItIsAccepted) {
  config_.container.image_folders = {"/srv/images"};
  EXPECT_THAT(json::write(submit(job("j1", "image.pull", image("v1"))).body),
              HasSubstr("below none of the folders"));
  EXPECT_THAT(json::write(submit(job("j2", "image.pull", "local:vztmpl/debian.tar.gz")).body),
              HasSubstr("is fetched from"));
  EXPECT_THAT(json::write(submit(job("j3", "image.pull", "docker.io/alpine")).body),
              HasSubstr("docker://HOST/REPOSITORY:TAG"));
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(ImagesTest, AnImageThatAContainerUsesStaysAndItsUsersAreNamed) {
  ASSERT_EQ(run(run_of_image("j1", "web-1")).state, JobState::succeeded);
  const auto users = image_users(*journal_, layout_).value();
  EXPECT_THAT(users.at(digest()), ElementsAre("web-1"));
  const JobRow row = remove("j2", image("v1"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("in use by web-1"));
  EXPECT_THAT(row.result, HasSubstr("conflict"));
  EXPECT_TRUE(std::filesystem::exists(layout_.rootfs(*ContainerName::parse("web-1")) / "etc/motd"));
  run(job("j3", "container.delete", "web-1", {{"force", true}}));
  ASSERT_EQ(remove("j4", image("v1")).state, JobState::succeeded);
  EXPECT_EQ(roots(), 0U);
  EXPECT_THAT(told("image", image("v1")), ElementsAre("pulled", "removed"));
  EXPECT_EQ(remove("j5", image("v1")).state, JobState::failed);
  EXPECT_EQ(run(run_of_image("j6", "web-1")).state, JobState::succeeded);
}

TEST_F(ImagesTest, TheRootGoesWithItsLastName) {
  pull("j1", "v1");
  pull("j2", "same");
  EXPECT_EQ(roots(), 1U);
  ASSERT_EQ(remove("j3", image("same")).state, JobState::succeeded);
  EXPECT_EQ(roots(), 1U);
  EXPECT_FALSE(journal_->image(image("same")).value());
  pull("j4", "same");
  // By its digest all names go at once.
  ASSERT_EQ(remove("j5", digest()).state, JobState::succeeded);
  EXPECT_EQ(roots(), 0U);
  EXPECT_THAT(journal_->images().value(), IsEmpty());
}

TEST_F(ImagesTest, ARootThatNobodyNamesAnyMoreGoesByItsDigest) {
  pull("j1", "v1");
  const std::string was = digest();
  ASSERT_TRUE(journal_->erase_image(image("v1")));
  EXPECT_THAT(remove("j2", "sha256:../../state").result, HasSubstr("not_found"));
  EXPECT_THAT(remove("j3", "sha256:").result, HasSubstr("not_found"));
  ASSERT_EQ(remove("j4", was).state, JobState::succeeded);
  EXPECT_EQ(roots(), 0U);
}

TEST_F(ImagesTest, AContainerThatIsBeingMadeIsAUserBeforeItsRootIsMounted) {
  pull("j1", "v1");
  submit_held(run_of_image("j2", "web-1"), "create", fakes::FakeRuntime::Hold::before_deed);
  EXPECT_THAT(remove("j3", image("v1")).result, HasSubstr("in use by web-1"));
  submit(job("j4", "job.cancel", "j2"));
  EXPECT_EQ(await("j2").state, JobState::cancelled);
  EXPECT_EQ(remove("j5", image("v1")).state, JobState::succeeded);
}

TEST_F(ImagesTest, ARemovalThatAnAgentsEndCutOffIsDoneByTheNext) {
  pull("j1", "v1");
  const std::string was = digest();
  remove("j2", image("v1"));
  // As it is between the name struck off and the root gone.
  std::filesystem::create_directories(layout_.image_root(was));
  StepRow step = std::vector<StepRow>(journal_->steps("j2").value()).back();
  ASSERT_EQ(step.name, "image.remove");
  step.state = StepState::intent;
  ASSERT_TRUE(journal_->put_step(step));
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->commit());
  end_agent();
  start_agent();
  ASSERT_TRUE(intake_->resume());
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(roots(), 0U);
}

}  // namespace
}  // namespace drover::jobs
