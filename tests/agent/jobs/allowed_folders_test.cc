// Folders that jobs may name: what a link leads to is what counts, also of one that somebody who
// may write there puts in a folder's place after the job was accepted.
#include "agent/jobs/allowed_folders.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/verbs/images.h"
#include "agent/system/child.h"
#include "node_fixture.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;

class AllowedFoldersTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    for (const char* folder : {"allowed/root", "allowed/deep", "secret"}) {
      make_folder(folder);
    }
    config_.container.image_folders = {folder_ / "allowed"};
  }
  void make_folder(const std::string& folder) {
    std::filesystem::create_directories(folder_ / folder);
    std::ofstream(folder_ / folder / "text") << folder << '\n';
  }
  void link(const std::filesystem::path& to, const std::string& at) {
    std::filesystem::create_directory_symlink(to, folder_ / at);
  }
  /// As whoever may write below the allowed folder can at any time.
  void put_link_in_place_of(const std::string& folder) {
    std::filesystem::rename(folder_ / folder, folder_ / (folder + ".was"));
    link(folder_ / "secret", folder);
  }
  json::Object run_of(const std::string& id, const std::string& name, const std::string& root) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set("rootfs", (folder_ / root).native());
    return request;
  }
  std::filesystem::path root_of(const std::string& name) const {
    return layout_.rootfs(*ContainerName::parse(name));
  }
  std::string text_in(const std::string& name) const {
    return system::read_file(root_of(name) / "text").value_or("nothing");
  }
  Result<system::UniqueFd> open_it(const std::string& name) {
    return open_allowed(config_, folder_ / name, O_PATH | O_DIRECTORY);
  }
};

TEST_F(AllowedFoldersTest, ALinkIsFollowedAsLongAsItStaysBelowTheFolder) {
  link("root", "allowed/current");
  link("../allowed/root", "allowed/around");
  link("../secret", "allowed/up");
  link(folder_ / "secret", "allowed/out");
  link(folder_ / "allowed/root", "allowed/absolute");
  link("/proc/self/fd", "allowed/magic");
  EXPECT_TRUE(open_it("allowed/current"));
  EXPECT_TRUE(open_it("allowed"));
  EXPECT_TRUE(open_it("allowed/root/"));
  EXPECT_TRUE(open_it("allowed/deep/../root"));
  for (const char* name : {"allowed/around", "allowed/up", "allowed/out", "allowed/out/below",
                           "allowed/absolute", "allowed/magic"}) {
    const auto opened = open_it(name);
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(opened.error().code, Code::refused) << name;
    EXPECT_THAT(opened.error().message, HasSubstr("a link on the way leads out of")) << name;
  }
  EXPECT_EQ(open_it("secret").error().code, Code::refused);
  EXPECT_EQ(open_it("allowed/missing").error().code, Code::not_found);
  EXPECT_EQ(open_it("allowed/root/text").error().code, Code::not_found);
}

TEST_F(AllowedFoldersTest, TheAllowedFolderMayItselfBeALink) {
  link("allowed", "link");
  config_.container.image_folders = {folder_ / "link/"};
  EXPECT_TRUE(open_it("link/root"));
  config_.container.image_folders = {folder_ / "other", folder_ / "link/../link"};
  EXPECT_TRUE(open_it("link/root"));
}

TEST_F(AllowedFoldersTest, WithNoneNamedLinksAreFollowedWhereverTheyLead) {
  config_.container.image_folders = {};
  link(folder_ / "secret", "allowed/out");
  EXPECT_TRUE(open_it("allowed/out"));
  EXPECT_TRUE(open_it("allowed/root"));
  config_.container.image_folders = {"/"};
  EXPECT_TRUE(open_it("allowed/out"));
}

TEST_F(AllowedFoldersTest, ARootByALinkOutOfTheFolderIsNotMounted) {
  link(folder_ / "secret", "allowed/out");
  link("root", "allowed/in");
  const JobRow out = run(run_of("j1", "web-1", "allowed/out"));
  EXPECT_EQ(out.state, JobState::failed);
  EXPECT_THAT(out.result, HasSubstr("refused"));
  EXPECT_THAT(out.result, HasSubstr("a link on the way leads out of"));
  EXPECT_TRUE(leaves_nothing("web-1"));
  ASSERT_EQ(run(run_of("j2", "web-2", "allowed/in")).state, JobState::succeeded);
  EXPECT_EQ(text_in("web-2"), "allowed/root\n");
}

TEST_F(AllowedFoldersTest, ALinkPutInPlaceOfTheRootAfterItsJobWasAcceptedIsNotMounted) {
  end_agent();
  workers_ = 1;
  start_agent();
  submit_paused(run_of("j1", "web-1", "allowed/deep"), "create",
                fakes::FakeRuntime::Hold::before_deed);
  ASSERT_EQ(submit(run_of("j2", "web-2", "allowed/root")).kind, "job.accepted");
  put_link_in_place_of("allowed/root");
  runtime_.let_go();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  const JobRow row = await("j2");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("a link on the way leads out of"));
  EXPECT_TRUE(leaves_nothing("web-2"));
}

TEST_F(AllowedFoldersTest, ALinkPutInPlaceOfTheRootBeforeAnotherAgentGoesOnIsNotMounted) {
  submit_held(run_of("j1", "web-1", "allowed/root"), "create",
              fakes::FakeRuntime::Hold::before_deed);
  EXPECT_EQ(text_in("web-1"), "allowed/root\n");
  end_agent();
  ASSERT_EQ(umount2(root_of("web-1").c_str(), MNT_DETACH), 0);
  put_link_in_place_of("allowed/root");
  start_agent();
  EXPECT_TRUE(intake_->resume());
  const JobRow row = await("j1");
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("a link on the way leads out of"));
  EXPECT_FALSE(runtimes::is_mounted(root_of("web-1")).value());
}

TEST_F(AllowedFoldersTest, ALinkPutInPlaceOfTheRootIsNotMountedByAStart) {
  ASSERT_EQ(run(run_of("j1", "web-1", "allowed/root")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(umount2(root_of("web-1").c_str(), MNT_DETACH), 0);
  put_link_in_place_of("allowed/root");
  const JobRow row = run(job("j3", "container.start", "web-1"));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("a link on the way leads out of"));
  EXPECT_FALSE(runtimes::is_mounted(root_of("web-1")).value());
  // With the folder back it starts.
  std::filesystem::remove(folder_ / "allowed/root");
  std::filesystem::rename(folder_ / "allowed/root.was", folder_ / "allowed/root");
  ASSERT_EQ(run(job("j4", "container.start", "web-1")).state, JobState::succeeded);
  EXPECT_EQ(text_in("web-1"), "allowed/root\n");
}

TEST_F(AllowedFoldersTest, WhatIsMountedStaysWhenTheNodeAllowsItsFolderNoMore) {
  ASSERT_EQ(run(run_of("j1", "web-1", "allowed/root")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j2", "container.stop", "web-1")).state, JobState::succeeded);
  config_.container.image_folders = {"/srv/images"};
  EXPECT_EQ(run(job("j3", "container.start", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j4", "container.stop", "web-1")).state, JobState::succeeded);
  ASSERT_EQ(umount2(root_of("web-1").c_str(), MNT_DETACH), 0);
  EXPECT_THAT(run(job("j5", "container.start", "web-1")).result,
              HasSubstr("below none of the folders"));
}

TEST_F(AllowedFoldersTest, AnImageLayoutByALinkOutOfTheFolderIsNotRead) {
  for (const char* layout : {"allowed/image", "secret/image"}) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"umoci", "init", "--layout", (folder_ / layout).native()},
          {"umoci", "new", "--image", (folder_ / layout).native() + ":v1"},
          {"umoci", "insert", "--image", (folder_ / layout).native() + ":v1",
           (folder_ / layout).parent_path() / "text", "/text"}}) {
      if (std::string_view(layout) == "allowed/image" && words[1] == "insert") {
        std::ofstream(folder_ / "allowed/text") << "allowed\n";
      }
      ASSERT_TRUE(system::run_ok(words, system::Stop()));
    }
  }
  link(folder_ / "secret/image", "allowed/out");
  link("image", "allowed/in");
  const auto image = [&](const char* name) {
    return "oci:" + (folder_ / "allowed" / name).native() + ":v1";
  };
  EXPECT_EQ(run(job("j1", "image.pull", image("in"))).state, JobState::succeeded);
  const JobRow pulled = run(job("j2", "image.pull", image("out")));
  EXPECT_EQ(pulled.state, JobState::failed);
  EXPECT_THAT(pulled.result, HasSubstr("a link on the way leads out of"));
  json::Object request = run_job("j3", "web-1");
  request.set("spec", json::Object{{"runtime", "runc"}, {"image", image("out")}});
  EXPECT_THAT(run(request).result, HasSubstr("a link on the way leads out of"));
  EXPECT_TRUE(leaves_nothing("web-1"));
  EXPECT_FALSE(journal_->image(image("out")).value());
}

}  // namespace
}  // namespace drover::jobs
